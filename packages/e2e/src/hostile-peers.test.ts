import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { GetRecordsCommand, GetShardIteratorCommand, PutRecordCommand } from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster } from "./harness/cluster.ts";
import { createStream } from "@millrace/verifier";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start();
  await createStream(cluster.client(), "s", 1);
}, 60_000);

afterAll(async () => {
  await cluster.destroy();
});

const GARBAGE: readonly [string, Buffer][] = [
  ["random bytes", randomBytes(4_096)],
  [
    "an HTTP/2 preface and random frames",
    Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), randomBytes(512)]),
  ],
  ["a TLS client hello", Buffer.concat([Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), randomBytes(512)])],
  ["an endless request line", Buffer.alloc(256 * 1_024, "A")],
  ["a request that is not Kinesis", Buffer.from("GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n")],
  ["a length that is not a number", Buffer.from("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1e9\r\n\r\n")],
];

function addresses(): string[] {
  return cluster.nodes().flatMap((node) => {
    const { adminAddress } = node as { adminAddress?: string };
    return adminAddress === undefined ? [node.address] : [node.address, adminAddress];
  });
}

/** Connects, sends, and waits until the other side has closed or answered, or half a second of silence. */
async function send(address: string, bytes: Buffer): Promise<void> {
  const [host, port] = address.split(":") as [string, string];
  await new Promise<void>((resolve) => {
    const socket = connect({ host, port: Number(port) }, () => socket.write(bytes));
    socket.setTimeout(500, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.on("data", () => socket.destroy());
    socket.on("close", () => resolve());
  });
}

async function putAndRead(text: string): Promise<void> {
  const client = cluster.client();
  const put = await client.send(new PutRecordCommand({ StreamName: "s", PartitionKey: "k", Data: Buffer.from(text) }));
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({
      StreamName: "s",
      ShardId: put.ShardId,
      ShardIteratorType: "AT_SEQUENCE_NUMBER",
      StartingSequenceNumber: put.SequenceNumber,
    }),
  );
  const { Records } = await client.send(new GetRecordsCommand({ ShardIterator }));
  expect(Records?.map((record) => Buffer.from(record.Data ?? []).toString())).toEqual([text]);
}

test.each(GARBAGE)(
  "%s on every port ends no process, and the cluster serves on",
  async (name, bytes) => {
    const before = cluster.nodes().map((node) => node.pid);
    await Promise.all(addresses().map((address) => send(address, bytes)));
    await putAndRead(name);
    expect(cluster.nodes().map((node) => node.pid)).toEqual(before);
  },
  30_000,
);

test("connections that say nothing, or half a request, hold up nobody", async () => {
  const gateway = cluster.node("gateway-1").address.split(":") as [string, string];
  const sockets: Socket[] = [];
  for (let i = 0; i < 50; i++) {
    const socket = connect({ host: gateway[0], port: Number(gateway[1]) });
    socket.on("error", () => undefined);
    if (i % 2 === 1)
      socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Le");
    sockets.push(socket);
  }
  try {
    await eventually(() => sockets.every((socket) => !socket.connecting), 5_000);
    await putAndRead("while others hold the line");
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}, 30_000);
