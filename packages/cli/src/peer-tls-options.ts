import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { OptionRow } from "./options.ts";
import type { TlsFiles } from "./tls-files.ts";

/** Mutual TLS on the gRPC ports of controllers and brokers: all three or none, for nodes and for operators alike. */
export interface PeerTlsOptions {
  readonly peerCa?: string;
  readonly peerCertificate?: string;
  readonly peerKey?: string;
}

/** As cert-manager names them in a Secret: ca.crt, tls.crt and tls.key. */
export const PEER_TLS_OPTIONS: readonly OptionRow[] = [
  { key: "peerCa", placeholder: "file", help: "PEM; mutual TLS between nodes: authorities that are trusted" },
  { key: "peerCertificate", placeholder: "file", help: "PEM; what this process shows the nodes" },
  { key: "peerKey", placeholder: "file", help: "PEM, of that certificate" },
];

/** For commands without a config file. */
export function addPeerTlsOptions(command: Command): Command {
  return command
    .addOption(new Option("--peer-ca <file>", "PEM; authorities of the cluster's nodes").env("MILLRACE_PEER_CA"))
    .addOption(new Option("--peer-certificate <file>", "PEM; of this operator").env("MILLRACE_PEER_CERTIFICATE"))
    .addOption(new Option("--peer-key <file>", "PEM, of that certificate").env("MILLRACE_PEER_KEY"));
}

/** @throws Error unless all or none are given */
export function peerTlsFiles({ peerCa, peerCertificate, peerKey }: PeerTlsOptions): Required<TlsFiles> | undefined {
  if (peerCa === undefined && peerCertificate === undefined && peerKey === undefined) return undefined;
  if (peerCa === undefined || peerCertificate === undefined || peerKey === undefined) {
    throw new Error("--peer-ca, --peer-certificate and --peer-key go together");
  }
  return { ca: peerCa, certificate: peerCertificate, key: peerKey };
}

/** For the cluster's file: absolute, since whoever reads it may stand elsewhere. */
export function peerTlsOf(options: PeerTlsOptions): { peerTls?: PeerTlsOptions } {
  const files = peerTlsFiles(options);
  if (files === undefined) return {};
  const { ca, certificate, key } = files;
  return { peerTls: { peerCa: resolve(ca), peerCertificate: resolve(certificate), peerKey: resolve(key) } };
}
