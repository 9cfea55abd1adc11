import { createServer as createHttpServer } from "node:http";
import { createServer, createSecureServer } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { MutualTls, type NodeCertificates, type NodeCredentials } from "@millrace/proto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Issued, issue, makeAuthority } from "./certs/authority.ts";
import { askControllers } from "./status/cluster-status.ts";

const closers: (() => unknown)[] = [];
let ours: Issued;
let theirs: Issued;
let withTls: string;
let inPlainText: string;

/** Trusts one authority, and shows what another one has issued. */
async function certificates(kind: "node" | "operator", trusted: Issued, issuer: Issued): Promise<NodeCertificates> {
  const holder =
    kind === "node" ? ({ kind, name: "all", hosts: ["127.0.0.1"] } as const) : ({ kind, name: "me" } as const);
  const { certificate, key } = await issue(issuer, holder, Date.now(), 30);
  return { ca: Buffer.from(trusted.certificate), certificate: Buffer.from(certificate), key: Buffer.from(key) };
}

const operator = async (trusted: Issued, issuer: Issued): Promise<NodeCredentials> =>
  new MutualTls(await certificates("operator", trusted, issuer));

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  ours = await makeAuthority(Date.now());
  theirs = await makeAuthority(Date.now());
  const { ca, certificate: cert, key } = await certificates("node", ours, ours);
  withTls = await listen(createSecureServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true }));
  inPlainText = await listen(createServer());
});

afterAll(() => {
  for (const close of closers) close();
});

const said = async (address: string, by?: NodeCredentials): Promise<unknown> => askControllers([address], () => by);

test.concurrent("an operator without certificates is told that the cluster wants them", async () => {
  expect(await said(withTls)).toContain("give an operator's --peer-ca, --peer-certificate and --peer-key");
});

test.concurrent("an operator with certificates is told that the cluster has none", async () => {
  expect(await said(inPlainText, await operator(ours, ours))).toContain("leave out --peer-ca");
});

test.concurrent("certificates of another authority, on either side, are told apart", async () => {
  expect(await said(withTls, await operator(theirs, theirs))).toMatch(/authority in --peer-ca.*self-signed/);
  expect(await said(withTls, await operator(ours, theirs))).toContain("did not take --peer-certificate");
});

test.concurrent("a port where nothing listens, and one where something else does, are named", async () => {
  expect(await said("127.0.0.1:1")).toMatch(/nothing listens at 127.0.0.1:1: connect ECONNREFUSED/);
  expect(await said("no-such-host.invalid:4000")).toContain("no-such-host.invalid:4000: ");
  expect(await said(await listen(createHttpServer()))).toContain("is no controller");
});
