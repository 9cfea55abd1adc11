/** One request and its answer, seen the same way over HTTP/1.1 and HTTP/2. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { constants, type IncomingHttpHeaders as Http2Headers, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { endInPieces, PIECE_BYTES_MAX } from "./pieces.ts";

export type Headers = Readonly<Record<string, string | undefined>>;
export type ResponseHeaders = Record<string, string>;

export interface Exchange {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Lower-case names; `host` stands for `:authority` too. */
  readonly headers: Headers;
  /** Flows, and fills memory, only once it is read. */
  readonly body: Readable;
  /** host:port of the other end of the connection, as long as it is known. */
  readonly from: string | undefined;
  readonly isClosed: boolean;
  /** Called once, when the answer has been sent to its end or the client is gone. */
  onClose(listener: () => void): void;
  /** Answers. */
  respond(status: number, headers: ResponseHeaders, parts: readonly Uint8Array[]): void;
  /** Sends the headers; the rest goes through the stream. */
  startStream(status: number, headers: ResponseHeaders): Writable;
  /** Answers a request whose body was not read to its end, and takes no more of it. */
  refuse(status: number, headers: ResponseHeaders, parts: readonly Uint8Array[]): void;
  /** Ends it without an answer, or in the middle of one. */
  destroy(): void;
}

/** A reset right after an early answer (413, 503) could overtake it: this much of the unread body is swallowed first. */
const LINGER_BYTES_MAX = 4 * 1024 * 1024;
const LINGER_IDLE_MS = 2_000;

export class Http1Exchange implements Exchange {
  readonly headers: Headers;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #mustClose: () => boolean;

  /** @param mustClose whether the connection ends after this answer: the server drains */
  constructor(request: IncomingMessage, response: ServerResponse, mustClose: () => boolean) {
    this.#request = request;
    this.#response = response;
    this.#mustClose = mustClose;
    this.headers = joinedAsSigned(request.headers as IncomingHttpHeaders & Headers, request.rawHeaders);
    response.on("error", ignore);
    request.on("error", ignore);
  }

  get method(): string {
    return this.#request.method ?? "";
  }

  get url(): string {
    return this.#request.url ?? "";
  }

  get body(): Readable {
    return this.#request;
  }

  get from(): string | undefined {
    return addressOf(this.#request.socket);
  }

  get isClosed(): boolean {
    return this.#response.closed || this.#response.destroyed;
  }

  onClose(listener: () => void): void {
    this.#response.once("close", listener);
  }

  respond(status: number, headers: ResponseHeaders, parts: readonly Uint8Array[]): void {
    const response = this.#response;
    if (this.isClosed) return;
    if (this.#mustClose()) headers["Connection"] = "close";
    response.writeHead(status, headers);
    response.cork();
    for (const part of parts) response.write(part);
    response.end();
    response.uncork();
  }

  startStream(status: number, headers: ResponseHeaders): Writable {
    this.#response.writeHead(status, headers);
    this.#response.flushHeaders();
    return this.#response;
  }

  refuse(status: number, headers: ResponseHeaders, parts: readonly Uint8Array[]): void {
    this.respond(status, { ...headers, Connection: "close" }, parts);
    const { socket } = this.#request;
    socket.setTimeout(LINGER_IDLE_MS, () => socket.destroy());
    let swallowedBytes = 0;
    this.#request.on("data", (chunk: Uint8Array) => {
      swallowedBytes += chunk.length;
      if (swallowedBytes > LINGER_BYTES_MAX) socket.destroy();
    });
    this.#request.once("end", () => socket.destroySoon());
    this.#request.resume();
  }

  destroy(): void {
    this.#request.socket.destroy();
  }
}

export class Http2Exchange implements Exchange {
  readonly headers: Headers;
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, received: Http2Headers, rawHeaders: readonly string[]) {
    this.#stream = stream;
    const headers = joinedAsSigned(received as Headers, rawHeaders);
    this.headers = Object.assign(headers, { host: headers[":authority"] ?? headers["host"] });
    stream.on("error", ignore);
  }

  get method(): string {
    return this.headers[":method"] ?? "";
  }

  get url(): string {
    return this.headers[":path"] ?? "";
  }

  get body(): Readable {
    return this.#stream;
  }

  get from(): string | undefined {
    const { session } = this.#stream;
    return session === undefined || session.destroyed ? undefined : addressOf(session.socket);
  }

  get isClosed(): boolean {
    return this.#stream.closed || this.#stream.destroyed;
  }

  onClose(listener: () => void): void {
    this.#stream.once("close", listener);
  }

  respond(status: number, headers: ResponseHeaders, parts: readonly Uint8Array[]): void {
    const stream = this.#stream;
    if (this.isClosed) return;
    const [first] = parts;
    stream.respond({ ":status": status, ...lowerCase(headers) }, { endStream: first === undefined });
    if (first === undefined) return;
    if (parts.length === 1 && first.length <= PIECE_BYTES_MAX) stream.end(first);
    else endInPieces(stream, parts);
  }

  startStream(status: number, headers: ResponseHeaders): Writable {
    this.#stream.respond({ ":status": status, ...lowerCase(headers) });
    return this.#stream;
  }

  refuse(status: number, headers: ResponseHeaders, parts: readonly Uint8Array[]): void {
    this.respond(status, headers, parts);
    // RFC 9113, 8.1: a complete answer, then RST_STREAM with NO_ERROR, tells the client to stop sending.
    if (this.#stream.writableFinished) this.#stream.close(constants.NGHTTP2_NO_ERROR);
    else this.#stream.once("finish", () => this.#stream.close(constants.NGHTTP2_NO_ERROR));
    this.#stream.resume();
  }

  destroy(): void {
    if (!this.isClosed) this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

/** Node joins the values of a repeated header by a comma and a space; whoever signs them, by a bare comma. */
function joinedAsSigned(headers: Headers, rawHeaders: readonly string[]): Headers {
  if (rawHeaders.length <= 2 * Object.keys(headers).length) return headers;
  const valuesByName = new Map<string, string[]>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    const value = rawHeaders[at + 1] ?? "";
    const values = valuesByName.get(name);
    if (values === undefined) valuesByName.set(name, [value]);
    else values.push(value);
  }
  const joined: Record<string, string | undefined> = { ...headers };
  for (const [name, values] of valuesByName) {
    // Of some headers Node keeps the first value only, or a list: those stay as they are.
    if (values.length > 1 && headers[name] === values.join(", ")) joined[name] = values.join(",");
  }
  return joined;
}

function addressOf({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string | undefined {
  return remoteAddress === undefined ? undefined : `${remoteAddress}:${remotePort}`;
}

function lowerCase(headers: ResponseHeaders): ResponseHeaders {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The close event says all that matters; an unheard "error" would end the process. */
function ignore(): void {}
