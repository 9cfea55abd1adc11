/** Connections below HTTP: bytes that are nearly what a client sends, and what becomes of them. */
import { connect } from "node:net";
import type { Dice, FuzzRequest } from "./generator.ts";
import { mutated } from "./generator.ts";

const H2_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export function http1Bytes(dice: Dice, { body }: FuzzRequest, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries({ host: "127.0.0.1", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const chunked = dice.next() < 0.3;
  const framing = chunked
    ? "transfer-encoding: chunked\r\n"
    : `content-length: ${dice.next() < 0.2 ? dice.pick([-1, 0, 1e12, body.length + 1]) : body.length}\r\n`;
  const head = Buffer.from(`POST / HTTP/1.1\r\n${lines.join("")}${framing}\r\n`, "latin1");
  const sent = chunked
    ? Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")])
    : body;
  const whole = Buffer.concat([head, sent]);
  return dice.next() < 0.6 ? mutated(dice, whole) : whole;
}

/** A preface, settings, then frames of any type with flags, streams and lengths that may not fit. */
export function http2Bytes(dice: Dice, { body }: FuzzRequest): Buffer {
  const frames = [H2_PREFACE, frame(4, 0, 0, Buffer.alloc(0))];
  for (let count = 1 + dice.below(6); count > 0; count--) {
    const payload = dice.pick([body, Buffer.alloc(dice.below(40), dice.below(256)), Buffer.alloc(0), Buffer.alloc(8)]);
    frames.push(frame(dice.below(12), dice.below(256), dice.pick([0, 1, 1, 3, 2, 2 ** 31 - 1]), payload));
  }
  const whole = Buffer.concat(frames);
  return dice.next() < 0.5 ? mutated(dice, whole) : whole;
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Sends, waits for an answer or the end or `lingerMs`, and hangs up. Returns what was answered. */
export function exchange(port: number, bytes: Buffer, lingerMs: number): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1");
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(done, lingerMs);
    socket.on("data", (chunk: Buffer) => {
      if (answer.length < 256) answer += chunk.toString("latin1");
    });
    for (const event of ["end", "error", "close"]) socket.on(event, done);
    socket.end(bytes);
  });
}
