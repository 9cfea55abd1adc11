import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { status } from "@grpc/grpc-js";
import type { MetadataUpdate__Output } from "@millrace/proto";
import { realWorld, silentLogger } from "@millrace/util";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { connectControllers } from "./controller-connection.ts";
import { ClusterMetadata } from "./metadata.ts";
import { MetadataWatcher } from "./metadata-watcher.ts";
import { deltaUpdate, fullUpdate, streamOf } from "./testing/metadata-fixtures.ts";
import { ScriptedController } from "./testing/scripted-controller.ts";
import type { ControllerConnection } from "./types.ts";

const { clock, random } = realWorld();
const OPTIONS = { timeoutMs: 8_000 };
const COMMAND = { commandId: "command-1", deleteStream: { key: { accountId: "1", region: "r", name: "n" } } };

let controllers: ScriptedController[];
let one: ScriptedController;
let two: ScriptedController;
let three: ScriptedController;
let connection: ControllerConnection;

beforeEach(async () => {
  [one, two, three] = [new ScriptedController(), new ScriptedController(), new ScriptedController()];
  controllers = [one, two, three];
  for (const controller of controllers) await controller.start();
  const addresses = controllers.map((controller) => controller.address);
  connection = connectControllers({ addresses, clock, random, logger: silentLogger });
  makeLeader(three);
});

afterEach(() => {
  connection.close();
  for (const controller of controllers) controller.stop();
});

/** host:port of a server of TCP alone, until the test is over. */
async function listen(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function makeLeader(leader: ScriptedController | undefined): void {
  for (const controller of controllers)
    controller.follows = controller === leader ? undefined : (leader?.address ?? "");
}

describe("a call", () => {
  test("follows the trailer to the leader and remembers it", async () => {
    await connection.execute(COMMAND, OPTIONS);
    await connection.execute(COMMAND, OPTIONS);
    expect(controllers.map((controller) => controller.commands.length)).toEqual([1, 0, 2]);
    await expect(connection.heartbeat({ nodeId: "a/1" }, OPTIONS)).resolves.toMatchObject({ registered: true });
    await expect(connection.status(OPTIONS)).resolves.toMatchObject({ version: 1 });
  });

  test("carries the same command id on every attempt", async () => {
    three.failures = [status.UNAVAILABLE, status.INTERNAL];
    await connection.execute(COMMAND, OPTIONS);
    const ids = controllers.flatMap((controller) => controller.commands.map((command) => command.commandId));
    expect(ids.length).toBeGreaterThan(3);
    expect(new Set(ids)).toEqual(new Set(["command-1"]));
  });

  test.each([-3_600_000, 3_600_000])("is made whatever the clock shows: %i ms off", async (offMs) => {
    connection.close();
    const wrong = { ...clock, nowMs: () => clock.nowMs() + offMs };
    const addresses = controllers.map((controller) => controller.address);
    connection = connectControllers({ addresses, clock: wrong, random, logger: silentLogger });
    await expect(connection.status(OPTIONS)).resolves.toMatchObject({ version: 1 });
    three.hangs = true;
    const startedAt = performance.now();
    const hanging = connection.execute(COMMAND, { timeoutMs: 500 });
    await expect(hanging).rejects.toMatchObject({ code: "CONTROLLER_UNAVAILABLE" });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test("waits out an election", async () => {
    makeLeader(undefined);
    const executed = connection.execute(COMMAND, OPTIONS);
    await vi.waitFor(() => expect(three.commands.length).toBeGreaterThan(1), 5_000);
    makeLeader(two);
    await expect(executed).resolves.toMatchObject({ version: 1 });
  });

  test("finds the new leader when the old one is dead", async () => {
    await connection.execute(COMMAND, OPTIONS);
    three.stop();
    makeLeader(one);
    await expect(connection.execute(COMMAND, OPTIONS)).resolves.toMatchObject({ version: 1 });
  });

  test("does not stay with a leader that hangs", async () => {
    three.hangs = true;
    const executed = connection.execute(COMMAND, OPTIONS);
    await vi.waitFor(() => expect(three.commands.length).toBe(1));
    makeLeader(two);
    await expect(executed).resolves.toMatchObject({ version: 1 });
  });

  test("does not stay with a connection that is never made", async () => {
    // Whoever answers at the address later is found by a new connection only.
    let connections = 0;
    const address = await listen((socket) => {
      if (++connections === 1) return;
      const port = Number(three.address.split(":")[1]);
      socket.pipe(connect(port, "127.0.0.1")).pipe(socket);
    });
    const lonely = connectControllers({ addresses: [address], clock, random, logger: silentLogger });
    try {
      await expect(lonely.execute(COMMAND, { timeoutMs: 2_000 })).resolves.toMatchObject({ version: 1 });
      expect(connections).toBe(2);
    } finally {
      lonely.close();
    }
  });

  test("ends as unavailable at its deadline, and soon after an abort", async () => {
    makeLeader(undefined);
    await expect(connection.execute(COMMAND, { timeoutMs: 200 })).rejects.toMatchObject({
      code: "CONTROLLER_UNAVAILABLE",
    });
    makeLeader(three);
    three.hangs = true;
    const abort = new AbortController();
    const executed = connection.execute(COMMAND, { ...OPTIONS, signal: abort.signal });
    await vi.waitFor(() => expect(three.commands.length).toBeGreaterThan(0));
    abort.abort();
    await expect(executed).rejects.toMatchObject({ code: "CONTROLLER_UNAVAILABLE" });
  });

  test("that is refused for what it is, is not repeated", async () => {
    one.failures = [status.INVALID_ARGUMENT];
    await expect(connection.execute(COMMAND, OPTIONS)).rejects.toMatchObject({ code: "CONTROLLER_REFUSED" });
    expect(two.commands.length + three.commands.length).toBe(0);
  });
});

describe("the watch", () => {
  const watched = (): ScriptedController | undefined => controllers.find((each) => each.watches.length > 0);

  test("goes on at another replica with the version it knows, and never goes back", async () => {
    const versions: number[] = [];
    const watch = connection.watch((update: MetadataUpdate__Output) => versions.push(update.version));
    await vi.waitFor(() => expect(watched()).toBeDefined());
    const first = watched() as ScriptedController;
    expect(first.watches[0]?.request).toMatchObject({ knownVersion: 0 });
    first.push(fullUpdate(3, [], []));
    first.push(deltaUpdate(3, {})); // a sign of life
    first.push(deltaUpdate(4, {}));
    await vi.waitFor(() => expect(versions).toEqual([3, 4]));
    first.stop();
    const others = controllers.filter((each) => each !== first);
    await vi.waitFor(() => expect(others.some((each) => each.watches.length > 0)).toBe(true), 5_000);
    const second = others.find((each) => each.watches.length > 0) as ScriptedController;
    expect(second.watches[0]?.request).toMatchObject({ knownVersion: 4, clusterId: "cluster-1" });
    second.push(fullUpdate(2, [], []));
    second.push(deltaUpdate(5, {}));
    await vi.waitFor(() => expect(versions).toEqual([3, 4, 5]));
    watch.close();
  });

  test("leaves a replica that is behind what another one has answered", async () => {
    connection.watch(() => undefined);
    await vi.waitFor(() => expect(watched()).toBeDefined());
    const first = watched() as ScriptedController;
    first.push(fullUpdate(1, [], []));
    three.version = 7;
    await connection.execute(COMMAND, OPTIONS);
    const total = (): number => controllers.reduce((sum, each) => sum + each.watches.length, 0);
    await vi.waitFor(() => expect(total()).toBe(2), 8_000);
  });

  test("is not taken in by another cluster", async () => {
    const versions: number[] = [];
    connection.watch((update) => versions.push(update.version));
    await vi.waitFor(() => expect(watched()).toBeDefined());
    const first = watched() as ScriptedController;
    first.push(fullUpdate(1, [], []));
    const stranger = { clusterId: "another", tokenKey: Buffer.alloc(32), settings: { quotas: "off" } };
    first.push({ ...fullUpdate(9, [], []), cluster: stranger });
    const total = (): number => controllers.reduce((sum, each) => sum + each.watches.length, 0);
    await vi.waitFor(() => expect(total()).toBe(2), 5_000);
    expect(versions).toEqual([1]);
  });

  test("feeds the metadata, which says when it is ready", async () => {
    const metadata = new ClusterMetadata({ clock });
    const watcher = new MetadataWatcher({ controllers: connection, metadata });
    expect(watcher.isReady).toBe(false);
    const ready = watcher.ready(5_000);
    await vi.waitFor(() => expect(watched()).toBeDefined());
    watched()?.push(fullUpdate(1, [streamOf(1, "orders")], []));
    await expect(ready).resolves.toBe(true);
    expect(metadata.streamCount).toBe(1);
    watcher.close();
  });
});
