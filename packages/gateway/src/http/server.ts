/**
 * The API's port: HTTP/1.1 and HTTP/2 with prior knowledge on one socket, and the same inside TLS, told apart by the
 * first bytes. Everything a client sends is bounded in size, number and time, and nothing it sends ends the process.
 */
import { type Clock, KIB, MIB, silentLogger, type Logger, type World } from "@millrace/util";
import http, { type IncomingHttpHeaders } from "node:http";
import http2 from "node:http2";
import net, { type AddressInfo, type Socket } from "node:net";
import tls from "node:tls";
import { awsError } from "../errors.ts";
import { SignatureVerifier, type CredentialsProvider } from "../protocol/sigv4.ts";
import type { ApiHandler } from "./api-types.ts";
import { ByteBudget } from "./byte-budget.ts";
import { Http1Exchange, Http2Exchange, type Exchange } from "./exchange.ts";
import { keepSessionAlive } from "./http2-sessions.ts";
import { PIECE_BYTES_MAX } from "./pieces.ts";
import { RequestIds } from "./request-ids.ts";
import { serve, type ActiveRequest, type Refused, type ServeContext } from "./serve.ts";
import { sniff } from "./sniffer.ts";

export interface HttpServerOptions {
  readonly world: World;
  readonly logger?: Logger;
  /** Absent: any credentials are accepted, but requests must be signed. */
  readonly credentials?: CredentialsProvider | undefined;
  readonly defaultAccountId?: string | undefined;
  readonly defaultRegion?: string | undefined;
  /** Absent: any region of the credential scope. */
  readonly regions?: readonly string[] | undefined;
  /** PEM. Present: TLS is spoken on the port. */
  readonly tls?: TlsMaterial | undefined;
  /** Whether clear text is served beside TLS. Default: only without TLS. */
  readonly allowPlaintext?: boolean;
  readonly limits?: Partial<HttpLimits>;
  /** Of the bodies that count as large, what may be held just now. Absent: as many as the budget has room for. */
  readonly largeBodyBytesNow?: () => number;
  /** Calls whose signature is no good. */
  readonly onRefused?: (refused: Refused) => void;
}

export interface TlsMaterial {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

export interface HttpLimits {
  readonly connectionsMax: number;
  readonly requestsMax: number;
  readonly headerBytesMax: number;
  readonly headersMax: number;
  readonly bodyBytesMax: number;
  /** Over all requests at once. */
  readonly bodyBudgetBytes: number;
  readonly bodyBudgetWaitMs: number;
  /** From the connection to its first bytes; the TLS handshake. */
  readonly firstBytesTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly bodyIdleTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly handlerTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** Between requests. Longer than the SDKs keep theirs, so that they close first. */
  readonly keepAliveTimeoutMs: number;
  readonly http2PingIntervalMs: number;
  readonly http2StreamsMax: number;
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  connectionsMax: 10_000,
  requestsMax: 4_096,
  headerBytesMax: 16 * KIB,
  headersMax: 100,
  // A request of 10 MiB, in base64, with its keys.
  bodyBytesMax: 16 * MIB,
  bodyBudgetBytes: 256 * MIB,
  bodyBudgetWaitMs: 5_000,
  firstBytesTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  bodyIdleTimeoutMs: 10_000,
  bodyTimeoutMs: 60_000,
  handlerTimeoutMs: 30_000,
  writeTimeoutMs: 120_000,
  keepAliveTimeoutMs: 75_000,
  http2PingIntervalMs: 30_000,
  http2StreamsMax: 256,
};

/** Reads, control-plane calls, and puts of a few records. */
const SMALL_BODY_BYTES_MAX = 64 * KIB;

export interface HttpServer {
  listen(port: number, host: string): Promise<AddressInfo>;
  /** New connections get the new certificate; open ones keep theirs. */
  replaceTls(material: TlsMaterial): void;
  /** Accepts no more, lets requests in flight finish, ends streams and connections; after `graceMs` by force. */
  close(options: { graceMs: number }): Promise<void>;
  readonly connectionCount: number;
  readonly requestCount: number;
}

export function createHttpServer(options: HttpServerOptions, handler: ApiHandler): HttpServer {
  return new ApiServer(options, handler);
}

class ApiServer implements HttpServer {
  readonly #world: World;
  readonly #logger: Logger;
  readonly #limits: HttpLimits;
  readonly #context: ServeContext;
  readonly #active = new Set<ActiveRequest>();
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  readonly #allowPlaintext: boolean;
  readonly #listener: net.Server;
  readonly #http1: http.Server;
  readonly #http2: http2.Http2Server;
  readonly #tls: tls.Server | undefined;
  #isDraining = false;
  #onIdle: (() => void) | undefined;

  constructor(options: HttpServerOptions, handler: ApiHandler) {
    this.#world = options.world;
    this.#logger = options.logger ?? silentLogger;
    this.#limits = { ...DEFAULT_HTTP_LIMITS, ...options.limits };
    const limits = this.#limits;
    const { clock, random } = options.world;
    this.#context = {
      world: options.world,
      logger: this.#logger,
      verifier: new SignatureVerifier({
        provider: options.credentials,
        defaultAccountId: options.defaultAccountId,
        defaultRegion: options.defaultRegion,
        regions: options.regions,
        nowMs: () => clock.nowMs(),
      }),
      handler,
      budget: budgetOf(limits, clock, options.largeBodyBytesNow),
      bodyLimits: {
        sizeBytesMax: limits.bodyBytesMax,
        budgetWaitMs: limits.bodyBudgetWaitMs,
        idleTimeoutMs: limits.bodyIdleTimeoutMs,
        totalTimeoutMs: limits.bodyTimeoutMs,
      },
      ids: new RequestIds(random.fork("request-ids")),
      handlerTimeoutMs: limits.handlerTimeoutMs,
      writeTimeoutMs: limits.writeTimeoutMs,
      requestsMax: limits.requestsMax,
      onRefused: options.onRefused,
      active: this.#active,
    };
    this.#allowPlaintext = options.allowPlaintext ?? options.tls === undefined;
    this.#http1 = this.#createHttp1();
    this.#http2 = this.#createHttp2();
    this.#tls = options.tls === undefined ? undefined : this.#createTls(options.tls);
    // Half-open is allowed for HTTP/1 clients that send all and shut down, as `nc` does.
    this.#listener = net.createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
    });
    this.#listener.maxConnections = limits.connectionsMax;
    this.#listener.on("connection", (socket) => this.#accept(socket));
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  get requestCount(): number {
    return this.#active.size;
  }

  listen(port: number, host: string): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#listener.once("error", reject);
      this.#listener.listen({ port, host }, () => {
        this.#listener.off("error", reject);
        this.#listener.on("error", (error) => this.#logger.error({ error: error.message }, "listener failed"));
        resolve(this.#listener.address() as AddressInfo);
      });
    });
  }

  replaceTls(material: TlsMaterial): void {
    this.#tls?.setSecureContext({ ...material });
  }

  async close({ graceMs }: { graceMs: number }): Promise<void> {
    this.#isDraining = true;
    const listenerClosed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    const force = this.#world.clock.setTimer(graceMs, () => this.#destroyAll());
    for (const active of this.#active) if (active.isStream) abort(active);
    // GOAWAY: streams in flight go on, new ones find another connection.
    for (const session of this.#sessions) session.close();
    this.#http1.closeIdleConnections();
    await this.#untilIdle();
    this.#destroyAll();
    force.cancel();
    this.#http1.close();
    await listenerClosed;
  }

  #untilIdle(): Promise<void> {
    if (this.#active.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #destroyAll(): void {
    for (const active of this.#active) abort(active);
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // Resets and time-outs of the network: the close event is all that follows from them.
    socket.on("error", () => undefined);
    this.#handOn(socket, true);
  }

  #handOn(socket: Socket, isClear: boolean): void {
    sniff(socket, this.#world.clock, this.#limits.firstBytesTimeoutMs, (protocol) => {
      if (protocol === "tls" && isClear && this.#tls !== undefined) {
        this.#tls.emit("connection", socket);
      } else if (protocol === "tls" || (isClear && !this.#allowPlaintext)) {
        socket.destroy();
        return;
      } else if (protocol === "http2") {
        // Node takes a TLS socket without ALPN for HTTP/1, yet the Java SDK speaks HTTP/2 on just such a one.
        // (HTTP/2 and TLS read what was put back by themselves, and must not be resumed.)
        Object.defineProperty(socket, "alpnProtocol", { value: "h2", configurable: true });
        socket.allowHalfOpen = false;
        this.#http2.emit("connection", socket);
      } else {
        this.#http1.emit("connection", socket);
        socket.resume();
      }
    });
  }

  #createHttp1(): http.Server {
    const limits = this.#limits;
    const server = http.createServer({
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.headersTimeoutMs + limits.bodyTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
      requireHostHeader: false,
    });
    server.maxHeadersCount = limits.headersMax;
    server.on("request", (request, response) =>
      this.#serve(new Http1Exchange(request, response, () => this.#isDraining)),
    );
    server.on("checkContinue", (request, response) => {
      if (mayContinue(request.headers, limits)) response.writeContinue();
      this.#serve(new Http1Exchange(request, response, () => this.#isDraining));
    });
    server.on("clientError", answerClientError);
    // The server never listens itself, and only this event starts its watch over header time-outs.
    server.emit("listening");
    return server;
  }

  #createHttp2(): http2.Http2Server {
    const limits = this.#limits;
    const server = http2.createServer({
      settings: {
        maxConcurrentStreams: limits.http2StreamsMax,
        initialWindowSize: 512 * KIB,
        maxHeaderListSize: limits.headerBytesMax,
        enablePush: false,
      },
      maxHeaderListPairs: limits.headersMax + 4,
      maxSessionMemory: 32 + Math.ceil((2 * limits.http2StreamsMax * PIECE_BYTES_MAX) / MIB),
      maxSettings: 32,
      maxOutstandingPings: 10,
    });
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
      session.on("error", () => session.destroy());
      keepSessionAlive(session, this.#world.clock, limits.http2PingIntervalMs, limits.keepAliveTimeoutMs);
      if (this.#isDraining) session.close();
    });
    server.on("sessionError", () => undefined);
    server.on("stream", (stream, headers, _flags, rawHeaders: readonly string[] = []) => {
      const asks = headers.expect?.toLowerCase() === "100-continue";
      if (asks && mayContinue(headers, limits)) stream.additionalHeaders({ ":status": 100 });
      this.#serve(new Http2Exchange(stream, headers, rawHeaders));
    });
    return server;
  }

  #createTls(material: TlsMaterial): tls.Server {
    const server = tls.createServer({
      ...material,
      handshakeTimeout: this.#limits.firstBytesTimeoutMs,
      allowHalfOpen: true,
      // A client that offers neither would be cut off; its first bytes tell more than its offer.
      ALPNCallback: ({ protocols }) => ["h2", "http/1.1"].find((name) => protocols.includes(name)) ?? protocols[0],
    } as tls.TlsOptions);
    server.on("secureConnection", (socket) => {
      socket.on("error", () => undefined);
      this.#handOn(socket, false);
    });
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return server;
  }

  #serve(exchange: Exchange): void {
    serve(exchange, this.#context)
      .catch((error: unknown) => this.#logger.error({ error: String(error) }, "request failed"))
      .finally(() => {
        if (this.#active.size === 0) this.#onIdle?.();
      });
  }
}

/** Who asks before sending a body is told at once; who announces too much is not asked to send it. */
function mayContinue(headers: IncomingHttpHeaders, { bodyBytesMax }: HttpLimits): boolean {
  return Number(headers["content-length"] ?? 0) <= bodyBytesMax;
}

function budgetOf(
  { bodyBudgetBytes, bodyBytesMax }: HttpLimits,
  clock: Clock,
  largeBytesNow: (() => number) | undefined,
): ByteBudget {
  const reservedBytes = Math.ceil(bodyBudgetBytes / 8);
  const limitBytes = Math.max(bodyBudgetBytes, bodyBytesMax + reservedBytes);
  return new ByteBudget(limitBytes, clock, {
    sizeBytesMax: Math.min(SMALL_BODY_BYTES_MAX, bodyBytesMax / 64),
    reservedBytes,
    ...(largeBytesNow === undefined ? {} : { largeBytesNow }),
  });
}

function abort({ controller }: ActiveRequest): void {
  controller.abort(awsError("UNAVAILABLE", { text: "The server is shutting down." }));
}

/** What Node's parser refused: garbage, too many headers, too slow ones. Answered if anybody may still be listening. */
function answerClientError(
  error: NodeJS.ErrnoException,
  socket: NodeJS.WritableStream & { destroySoon?: () => void },
): void {
  const connection = socket as Socket;
  if (!connection.writable || connection.bytesWritten > 0) {
    connection.destroy();
    return;
  }
  const status =
    error.code === "HPE_HEADER_OVERFLOW"
      ? "431 Request Header Fields Too Large"
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? "408 Request Timeout"
        : "400 Bad Request";
  connection.write(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  connection.destroySoon();
}
