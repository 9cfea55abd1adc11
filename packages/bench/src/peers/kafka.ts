import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "@millrace/e2e";
import { freePort } from "@millrace/util";
import type { Contender, Lane, RunningContender } from "./contender.ts";
import { LoadProgram } from "./load-program.ts";
import { Servers } from "./servers.ts";
import { build, made, need, sourcesOf } from "./tools.ts";

const IDS = ["1", "2", "3"] as const;
const CLUSTER_ID = "bWlsbHJhY2UtYmVuY2gtMQ";
const RECOVERY_TIMEOUT_MS = 120_000;
/** As Kafka's own start script has them. */
const MACHINE = [
  ...["-server", "-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"],
  ...["-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"],
];
const SYNCED = { flush: "true" };

const lane = (name: string, isSynced: boolean, batching: string): Lane => ({
  name: `Kafka, ${name}${isSynced ? ", flush.messages=1" : ""}`,
  isSynced,
  parameters: { batching, ...(isSynced ? SYNCED : {}) },
});

/** Three brokers that are controllers, too. A topic of four partitions, three copies, acks=all, min.insync.replicas=2. */
export const kafka: Contender = {
  name: "Kafka",
  lanes: [
    lane("default producer", false, "default"),
    lane("default producer", true, "default"),
    lane("best batching", false, "best"),
    lane("best batching", true, "best"),
  ],
  lonely: [lane("linger.ms=0", false, "none"), lane("linger.ms=0", true, "none")],
  prepare: () => void libraries(),
  start,
};

/** The class path. */
function libraries(): string {
  need("javac", "-version");
  need("mvn", "-version");
  const folder = made("kafka", (target) => {
    const sources = sourcesOf("kafka");
    const jars = join(target, "jars");
    build("mvn", ["-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${jars}`], sources);
    const java = join(sources, "src/main/java");
    const files = readdirSync(java).map((file) => join(java, file));
    build("javac", ["-d", join(target, "classes"), "-cp", join(jars, "*"), ...files], sources);
  });
  return `${join(folder, "classes")}:${join(folder, "jars", "*")}`;
}

async function start(): Promise<RunningContender> {
  const classPath = libraries();
  const servers = new Servers("kafka");
  const ports = await Promise.all(IDS.map(async () => ({ client: await freePort(), controller: await freePort() })));
  const voters = IDS.map((id, index) => `${id}@127.0.0.1:${ports[index]?.controller}`).join();
  const configs = IDS.map((id, index) => {
    const data = join(servers.folder, `data-${id}`);
    const config = join(servers.folder, `${id}.properties`);
    mkdirSync(data);
    writeFileSync(config, properties(id, data, voters, ports[index]?.client ?? 0, ports[index]?.controller ?? 0));
    // Once in a cluster's life, so it does not count as start-up.
    build(
      "java",
      ["-cp", classPath, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", config],
      servers.folder,
    );
    return config;
  });
  const startedAt = performance.now();
  for (const [index, id] of IDS.entries()) {
    servers.start(id, ["java", ...MACHINE, "-cp", classPath, "kafka.Kafka", configs[index] as string]);
  }
  const load = new LoadProgram(["java", "-cp", classPath, "KafkaLoad"], {
    servers: ports.map(({ client }) => `127.0.0.1:${client}`).join(),
  });
  const replicasOf = (topic: string): Promise<{ leader: string; inSync: number }> => load.run("replicas", { topic });
  // Nobody may be able to tell for a moment.
  const isInSync = (topic: string): Promise<boolean> =>
    replicasOf(topic).then(
      ({ inSync }) => inSync === IDS.length,
      () => false,
    );
  try {
    await load.run("first", { topic: "first", partitions: 1, batching: "none" });
  } catch (error) {
    const logs = servers.logs();
    await servers.stop();
    throw new Error(`Kafka did not start: ${logs}`, { cause: error });
  }
  return {
    startUpSeconds: (performance.now() - startedAt) / 1_000,
    load,
    pids: () => servers.pids(),
    replicas: async (topic) => {
      const { leader } = await replicasOf(topic);
      return { leader, others: IDS.filter((id) => id !== leader) };
    },
    kill: (node) => servers.kill(node),
    recovered: async (node, topic) => {
      servers.restart(node);
      await eventually(() => isInSync(topic), RECOVERY_TIMEOUT_MS);
    },
    stop: () => servers.stop(),
  };
}

function properties(id: string, data: string, voters: string, clientPort: number, controllerPort: number): string {
  return [
    "process.roles=broker,controller",
    `node.id=${id}`,
    `controller.quorum.voters=${voters}`,
    `listeners=PLAINTEXT://127.0.0.1:${clientPort},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${clientPort}`,
    "controller.listener.names=CONTROLLER",
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    `log.dirs=${data}`,
  ].join("\n");
}
