import { MutualTls, type NodeCredentials } from "@millrace/proto";
import type { Logger } from "@millrace/util";
import type { ClusterFile } from "./launcher/cluster-file.ts";
import { type PeerTlsOptions, peerTlsFiles } from "./peer-tls-options.ts";
import { type CertificateExpiry, readTls, type TlsFiles, type TlsMaterial, watchTls } from "./tls-files.ts";

/** As given, or else as the local cluster's file has it. @throws Error when the files are no good */
export function credentialsFor(options: PeerTlsOptions, file: ClusterFile | undefined): NodeCredentials | undefined {
  return operatorCredentials(options) ?? operatorCredentials(file?.peerTls ?? {});
}

/** For a command that ends soon. @throws Error when the files are no good */
export function operatorCredentials(options: PeerTlsOptions): NodeCredentials | undefined {
  const files = peerTlsFiles(options);
  return files === undefined ? undefined : new MutualTls(certificatesOf(readTls(files)));
}

/** For a node: taken up again when the files change. @throws Error when they are no good now */
export function watchNodeCredentials(
  files: Required<TlsFiles>,
  logger: Logger,
  expiry: CertificateExpiry,
): NodeCredentials {
  const credentials = new MutualTls(certificatesOf(readTls(files)));
  const changed = (material: TlsMaterial): void => credentials.replace(certificatesOf(material));
  watchTls({ files, logger, use: "nodes", expiry, changed });
  return credentials;
}

function certificatesOf({ ca = "", cert, key }: TlsMaterial) {
  return { ca: Buffer.from(ca), certificate: Buffer.from(cert), key: Buffer.from(key) };
}
