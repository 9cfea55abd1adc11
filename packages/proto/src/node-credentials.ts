import { isIP, type Socket } from "node:net";
import {
  connect,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type SecureContextOptions,
} from "node:tls";
import { CallCredentials, ChannelCredentials, credentials, experimental, ServerCredentials } from "@grpc/grpc-js";

/** How nodes and operators know each other on their gRPC channels: one object for all of a process's. */
export interface NodeCredentials {
  readonly channel: ChannelCredentials;
  readonly server: ServerCredentials;
}

/** Whoever reaches the port is let in, and may read along. */
export const PLAIN_TEXT: NodeCredentials = {
  channel: credentials.createInsecure(),
  server: ServerCredentials.createInsecure(),
};

/** PEM. */
export interface NodeCertificates {
  /** Whom to trust: several authorities while one gives way to the next. */
  readonly ca: Buffer;
  readonly certificate: Buffer;
  readonly key: Buffer;
}

/**
 * Mutual TLS: both sides show a certificate of the cluster's own authority. What is replaced counts for connections from then on;
 * those that stand go on.
 */
export class MutualTls implements NodeCredentials {
  readonly channel: ReplaceableChannelCredentials;
  readonly server: ReplaceableServerCredentials;

  constructor(certificates: NodeCertificates) {
    this.channel = new ReplaceableChannelCredentials(contextOptions(certificates));
    this.server = new ReplaceableServerCredentials(contextOptions(certificates));
  }

  replace(certificates: NodeCertificates): void {
    this.channel.replace(contextOptions(certificates));
    this.server.replace(contextOptions(certificates));
  }
}

function contextOptions({ ca, certificate, key }: NodeCertificates): SecureContextOptions {
  return { ca, cert: certificate, key, minVersion: "TLSv1.2" };
}

/**
 * A channel that reconnects by itself keeps its credentials for life, and those that grpc-js makes are of one certificate. Its
 * certificate providers would do, but read files without looking whether they belong together.
 */
class ReplaceableChannelCredentials extends ChannelCredentials {
  #context: SecureContext;

  constructor(options: SecureContextOptions) {
    super();
    this.#context = createSecureContext(options);
  }

  replace(options: SecureContextOptions): void {
    this.#context = createSecureContext(options);
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    ...[target, , callCredentials = CallCredentials.createEmpty()]: Parameters<
      ChannelCredentials["_createSecureConnector"]
    >
  ): experimental.SecureConnector {
    const host = experimental.splitHostPort(target.path)?.host ?? target.path;
    return {
      connect: (socket) => this.#secure(socket, host),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials,
      destroy: () => undefined,
    };
  }

  #secure(socket: Socket, host: string): Promise<experimental.SecureConnectResult> {
    return new Promise((resolve, reject) => {
      // The certificate is held against `host`. The server name is for DNS names only (RFC 6066).
      const servername = isIP(host) === 0 ? { servername: host } : {};
      const options = { socket, host, ...servername, secureContext: this.#context, ALPNProtocols: ["h2"] };
      const tlsSocket = connect(options, () => resolve({ socket: tlsSocket, secure: true }));
      tlsSocket.once("error", reject);
      tlsSocket.once("close", () => reject(new Error("the connection was closed during the handshake")));
    });
  }
}

class ReplaceableServerCredentials extends ServerCredentials {
  constructor(options: SecureContextOptions) {
    super({ requestCert: true, rejectUnauthorized: true }, options);
  }

  replace(options: SecureContextOptions): void {
    this.updateSecureContextOptions(options);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

/** What of a call on a server tells who makes it. Simulated calls have none of it, and count as plain text. */
export interface IncomingCall {
  getPeer?(): string;
  getAuthContext?(): { transportSecurityType?: string; sslPeerCertificate?: PeerCertificate };
}

const SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1";

/**
 * Nodes have certificates to serve with, operators and applications have not: what only nodes say to each other is refused to
 * them. In plain text everybody is believed.
 */
export function isFromNode(call: IncomingCall): boolean {
  const { transportSecurityType, sslPeerCertificate } = call.getAuthContext?.() ?? {};
  if (transportSecurityType === undefined) return true;
  return sslPeerCertificate?.ext_key_usage?.includes(SERVER_AUTHENTICATION) === true;
}

/** The name on the certificate, for logs; undefined in plain text. */
export function callerName(call: IncomingCall): string | undefined {
  const name = call.getAuthContext?.().sslPeerCertificate?.subject?.CN;
  return typeof name === "string" ? name : name?.[0];
}
