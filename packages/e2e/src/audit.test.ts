import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AddTagsToStreamCommand,
  CreateStreamCommand,
  DeleteStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListStreamsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  PutResourcePolicyCommand,
  RegisterStreamConsumerCommand,
  SplitShardCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./harness/cluster.ts";
import { createStream, readShard } from "@millrace/verifier";
import { SingleNode } from "./harness/single.ts";

const SECRET = "wJalrXUtnFEMI-not-a-real-key";
const TOKEN = "session-token-7f3d";
const DATA = "salary of 4711 euros";
const KEY = "social-security-0815";

interface AuditLine {
  readonly log: string;
  readonly role: string;
  readonly operation: string;
  readonly outcome: string;
  readonly who?: string;
  readonly from?: string;
  readonly stream?: string;
  readonly subject?: string;
  readonly time: number;
  readonly node: string;
}

let directory: string;
let node: SingleNode;
let client: KinesisClient;

const auditFile = (): string => join(directory, "audit.log");
const audited = (): AuditLine[] =>
  readFileSync(auditFile(), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditLine);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-audit-"));
  const credentials = join(directory, "credentials.json");
  writeFileSync(
    credentials,
    JSON.stringify([
      { accessKeyId: "AKIDALICE", secretAccessKey: SECRET, sessionToken: TOKEN },
      { accessKeyId: "AKIDBOB", secretAccessKey: `${SECRET}-2` },
    ]),
  );
  node = await SingleNode.start(
    ...["--memory", "--credentials", credentials, "--audit-log", auditFile(), "--log-level", "trace"],
  );
  client = as("AKIDALICE", SECRET, TOKEN);
}, 60_000);

afterAll(async () => {
  await node.destroy();
  rmSync(directory, { recursive: true });
});

function as(accessKeyId: string, secretAccessKey: string, sessionToken?: string): KinesisClient {
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  return node.client({ credentials, maxAttempts: 1 });
}

test("S: who changed what, when, from where, and what became of it; by the gateway and by the controller", async () => {
  const before = Date.now();
  await createStream(client, "payroll", 1);
  await expect(client.send(new CreateStreamCommand({ StreamName: "payroll", ShardCount: 1 }))).rejects.toThrow();
  await client.send(new AddTagsToStreamCommand({ StreamName: "payroll", Tags: { team: "finance" } }));
  const split = { StreamName: "payroll", ShardToSplit: "shardId-000000000000", NewStartingHashKey: "1000" };
  await client.send(new SplitShardCommand(split));
  const fromGateway = audited().filter(({ role }) => role === "gateway");
  expect(fromGateway).toMatchObject([
    { log: "audit", operation: "CreateStream", outcome: "ok", who: "AKIDALICE", stream: "payroll", node: "single" },
    { operation: "CreateStream", outcome: "ResourceInUseException", who: "AKIDALICE", stream: "payroll" },
    { operation: "AddTagsToStream", outcome: "ok", stream: "payroll" },
    { operation: "SplitShard", outcome: "ok", stream: "payroll", subject: "shardId-000000000000" },
  ]);
  for (const { from, time } of fromGateway) {
    expect(from).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
  }
  const fromController = audited().filter(({ role }) => role === "controller");
  expect(fromController.map(({ operation, outcome }) => `${operation} ${outcome}`)).toEqual([
    "registerBroker ok",
    "createStream ok",
    "createStream STREAM_EXISTS",
    "updateStream ok",
    "beginReshard ok",
  ]);
  expect(statSync(auditFile()).mode & 0o077).toBe(0);
}, 60_000);

test("S: what is done to a consumer names the consumer, its tags and policy too", async () => {
  await createStream(client, "consumed", 1);
  const StreamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/consumed";
  const { Consumer } = await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: "app" }));
  const ResourceARN = Consumer?.ConsumerARN;
  await client.send(new TagResourceCommand({ ResourceARN, Tags: { team: "finance" } }));
  await client.send(new UntagResourceCommand({ ResourceARN, TagKeys: ["team"] }));
  await client.send(new PutResourcePolicyCommand({ ResourceARN, Policy: '{"Statement":[]}' }));
  await client.send(new TagResourceCommand({ ResourceARN: StreamARN, Tags: { team: "finance" } }));
  const subjects = audited().filter(({ role, stream }) => role === "gateway" && stream === "consumed");
  expect(subjects.map(({ operation, subject }) => [operation, subject])).toEqual([
    ["CreateStream", undefined],
    ["RegisterStreamConsumer", "app"],
    ["TagResource", ResourceARN],
    ["UntagResource", ResourceARN],
    ["PutResourcePolicy", ResourceARN],
    ["TagResource", undefined],
  ]);
}, 60_000);

test("S01: who could not prove who they are is there too, and cannot fill the disk", async () => {
  const names = audited().length;
  await expect(as("AKIDBOB", "wrong").send(new DeleteStreamCommand({ StreamName: "payroll" }))).rejects.toThrow();
  await expect(as("NOBODY", "x").send(new DeleteStreamCommand({ StreamName: "payroll" }))).rejects.toThrow();
  expect(audited().slice(names)).toMatchObject([
    { operation: "DeleteStream", outcome: "InvalidSignatureException", who: "AKIDBOB" },
    { operation: "DeleteStream", outcome: "UnrecognizedClientException", who: "NOBODY" },
  ]);
  const mallory = as("MALLORY", "x");
  const flood = Array.from({ length: 100 }, () => mallory.send(new DeleteStreamCommand({ StreamName: "payroll" })));
  await Promise.allSettled(flood);
  expect(audited().length - names).toBeLessThan(60);
}, 60_000);

test("S08: no record and no secret in any log, at the finest level; nor are reads in the audit", async () => {
  const lines = audited().length;
  await client.send(new ListStreamsCommand({}));
  const record = { PartitionKey: KEY, Data: Buffer.from(DATA) };
  await client.send(new PutRecordCommand({ StreamName: "payroll", ...record }));
  await client.send(new PutRecordsCommand({ StreamName: "payroll", Records: [record, record] }));
  const children = await Promise.all(
    ["shardId-000000000001", "shardId-000000000002"].map((shardId) => readShard(client, "payroll", shardId)),
  );
  expect(children.flat().map(({ id }) => id)).toEqual([DATA, DATA, DATA]);
  // What goes wrong is where logs tend to talk.
  await expect(client.send(new PutRecordCommand({ StreamName: "absent", ...record }))).rejects.toThrow();
  await expect(
    as("AKIDBOB", "wrong").send(new PutRecordCommand({ StreamName: "payroll", ...record })),
  ).rejects.toThrow();
  const position = {
    StreamName: "payroll",
    ShardId: "shardId-000000000001",
    ShardIteratorType: "TRIM_HORIZON",
  } as const;
  const { ShardIterator } = await client.send(new GetShardIteratorCommand(position));
  await expect(client.send(new GetRecordsCommand({ ShardIterator: `${ShardIterator}x` }))).rejects.toThrow();
  await fetch(node.endpoint, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "Kinesis_20131202.PutRecord" },
    body: `{"StreamName":"payroll","PartitionKey":"${KEY}","Data":"${Buffer.from(DATA).toString("base64")}`,
  });
  await client.send(new DeleteStreamCommand({ StreamName: "payroll" }));
  await eventually(() => audited().some(({ operation }) => operation === "DeleteStream"), 5_000);
  expect(
    audited()
      .slice(lines)
      .filter(({ role }) => role === "gateway")
      .map(({ operation }) => operation),
  ).toEqual(["DeleteStream"]);

  expect(node.log).toContain('"level":20');
  const everything = node.log + readFileSync(auditFile(), "utf8");
  for (const text of [SECRET, TOKEN, DATA, KEY]) {
    expect(everything).not.toContain(text);
    expect(everything).not.toContain(Buffer.from(text).toString("base64").slice(0, 16));
    expect(everything).not.toContain(Buffer.from(text).toString("hex").slice(0, 16));
  }
}, 60_000);
