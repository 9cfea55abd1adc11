import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "@millrace/e2e";
import { freePort } from "@millrace/util";
import type { Contender, Lane, Replicas, RunningContender } from "./contender.ts";
import { LoadProgram } from "./load-program.ts";
import { Servers } from "./servers.ts";
import { build, made, need, sourcesOf } from "./tools.ts";

const NODES = ["nats-1", "nats-2", "nats-3"] as const;
const RECOVERY_TIMEOUT_MS = 60_000;
const SERVER_PACKAGE = "github.com/nats-io/nats-server/v2";

/** JetStream, a stream of three replicas in the place of each partition. `isSynced`: `sync_interval: always`. */
export function nats(isSynced: boolean): Contender {
  const name = isSynced ? "NATS JetStream R3, sync always" : "NATS JetStream R3";
  const lane: Lane = { name, isSynced, parameters: {} };
  return {
    name,
    lanes: [lane],
    lonely: [lane],
    prepare: () => void programs(),
    start: () => start(isSynced),
  };
}

function programs(): { readonly server: string; readonly load: string } {
  need("go", "version");
  const folder = made("nats", (target) => {
    build("go", ["build", "-o", join(target, "nats-server"), SERVER_PACKAGE], sourcesOf("nats"));
    build("go", ["build", "-o", join(target, "load"), "."], sourcesOf("nats"));
  });
  return { server: join(folder, "nats-server"), load: join(folder, "load") };
}

async function start(isSynced: boolean): Promise<RunningContender> {
  const { server, load: program } = programs();
  const servers = new Servers("nats");
  const ports = await Promise.all(NODES.map(async () => ({ client: await freePort(), route: await freePort() })));
  const routes = ports.map(({ route }) => `nats://127.0.0.1:${route}`).join(", ");
  const startedAt = performance.now();
  for (const [index, node] of NODES.entries()) {
    const config = join(servers.folder, `${node}.conf`);
    const data = join(servers.folder, node);
    mkdirSync(data);
    const sync = isSynced ? ", sync_interval: always" : "";
    writeFileSync(
      config,
      [
        `server_name: ${node}`,
        `listen: "127.0.0.1:${ports[index]?.client}"`,
        `jetstream: { store_dir: "${data}"${sync} }`,
        `cluster: { name: bench, listen: "127.0.0.1:${ports[index]?.route}", routes: [${routes}] }`,
      ].join("\n"),
    );
    servers.start(node, [server, "--config", config]);
  }
  const load = new LoadProgram([program], { servers: ports.map(({ client }) => `nats://127.0.0.1:${client}`).join() });
  const replicasOf = (topic: string): Promise<{ leader: string; inSync: number }> => load.run("replicas", { topic });
  // Nobody may be able to tell for a moment.
  const isInSync = (topic: string): Promise<boolean> =>
    replicasOf(topic).then(
      ({ inSync }) => inSync === NODES.length,
      () => false,
    );
  try {
    await load.run("first", { topic: "first" });
  } catch (error) {
    const logs = servers.logs();
    await servers.stop();
    throw new Error(`NATS did not start: ${logs}`, { cause: error });
  }
  return {
    startUpSeconds: (performance.now() - startedAt) / 1_000,
    load,
    pids: () => servers.pids(),
    replicas: async (topic): Promise<Replicas> => {
      const { leader } = await replicasOf(topic);
      return { leader, others: NODES.filter((node) => node !== leader) };
    },
    kill: (node) => servers.kill(node),
    recovered: async (node, topic) => {
      servers.restart(node);
      await eventually(() => isInSync(topic), RECOVERY_TIMEOUT_MS);
    },
    stop: () => servers.stop(),
  };
}
