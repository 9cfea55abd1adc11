// The clients, and how each one's driver is started. `prepare` gives its command, or says what this machine lacks; `remark` is
// what a reader of the page should know.
import { fileURLToPath } from "node:url";
import { startGateway, TLS } from "./gateway.mjs";
import { awsCli, javaProgram, rustProgram, startLeaseStore, works } from "./tools.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const javascript = {
  name: "javascript",
  client: "AWS SDK for JavaScript v3",
  prepare: ({ cluster, records }) => ({
    command: [process.execPath, here("javascript/check.mjs"), cluster.endpoint, records],
  }),
};

const browser = {
  name: "browser",
  client: "AWS SDK for JavaScript v3, in Chromium",
  remark: "the page is of another origin than the endpoint, and sends a session token",
  prepare: async ({ cluster }) => {
    const program = ["chromium", "chromium-browser", "google-chrome"].find((name) => works(name, "--version"));
    if (program === undefined) return { missing: "chromium" };
    // What bundles the page: it comes with the development dependencies.
    if ((await import("esbuild").catch(() => undefined)) === undefined) return { missing: "esbuild" };
    return { command: [process.execPath, here("browser/check.mjs"), program, cluster.endpoint] };
  },
};

const boto3 = {
  name: "boto3",
  client: "boto3 (Python)",
  prepare: ({ cluster }) =>
    works("python3", "-c", "import boto3")
      ? { command: ["python3", here("boto3/check.py"), cluster.endpoint] }
      : { missing: "python3 with boto3 (pip install boto3)" },
};

const awscli = {
  name: "awscli",
  client: "AWS CLI v1",
  prepare: ({ cluster }) => {
    if (!works("python3", "--version")) return { missing: "python3" };
    const program = awsCli("1.46.3");
    if (program === undefined) return { missing: "awscli 1.46.3 from PyPI" };
    return { command: ["python3", here("awscli/check.py"), program, cluster.endpoint] };
  },
};

const go = {
  name: "go",
  client: "AWS SDK for Go v2",
  prepare: ({ cluster }) => {
    if (!works("go", "version")) return { missing: "go" };
    if (!works("go", "-C", here("go"), "mod", "download")) return { missing: "the modules of the SDK for Go v2" };
    return { command: ["go", "-C", here("go"), "run", ".", cluster.endpoint] };
  },
};

const java = {
  name: "java",
  client: "AWS SDK for Java v2",
  prepare: ({ cluster }) => {
    const program = javaProgram("java", here("java"));
    return program.missing === undefined ? { command: [...program.command, "JavaCheck", cluster.endpoint] } : program;
  },
};

const rust = {
  name: "rust",
  client: "AWS SDK for Rust",
  prepare: ({ cluster }) => {
    const program = rustProgram("rust", here("rust"));
    return program.missing === undefined ? { command: [...program.command, cluster.endpoint] } : program;
  },
};

const KCL_VERSIONS = { 2: "2.7.0", 3: "3.5.1" };
const KCL_RUNS = ["2-polling", "2-fan-out", "3-polling", "3-fan-out"];
const kcl = KCL_RUNS.map((run) => ({
  name: `kcl-${run}`,
  client: `KCL ${run.replace("-", " for Java, ")}`,
  prepare: async ({ cluster, records }) => {
    const properties = [`-Dkcl=${KCL_VERSIONS[run[0]]}`];
    const program = javaProgram(`kcl-${run[0]}`, here("kcl"), { properties });
    if (program.missing !== undefined) return program;
    const leases = await startLeaseStore(here("leases/pom.xml"));
    if (leases.missing !== undefined) return leases;
    const gateway = await startGateway(cluster);
    const endpoints = [cluster.endpoint, gateway.endpoint, leases.endpoint];
    return {
      command: [...program.command, "KclCheck", ...endpoints, run.slice(2), records],
      counted: [gateway.adminAddress],
      stop: async () => {
        leases.stop();
        await gateway.stop();
      },
    };
  },
}));

const kpl = {
  name: "kpl",
  client: "KPL (its daemon of C++)",
  remark:
    "it speaks TLS only, to a gateway with `--tls-certificate`. Before it puts it asks AWS's token service whose its credentials " +
    "are: set its STS endpoint and port to the gateway's, too. In a reshard KPL takes a record as put that KCL passes over with " +
    "the rest of its aggregate; between those two that is so on AWS as well",
  prepare: async ({ cluster, records }) => {
    if (process.platform !== "linux") return { missing: "Linux, for KPL's daemon" };
    const program = javaProgram("kpl", here("kpl"));
    if (program.missing !== undefined) return program;
    const gateway = await startGateway(cluster, TLS);
    return {
      command: [...program.command, "KplCheck", cluster.endpoint, String(gateway.port), records],
      counted: [gateway.adminAddress],
      stop: gateway.stop,
    };
  },
};

const flink = ["polling", "fan-out"].map((mode) => ({
  name: `flink-${mode}`,
  client: `Flink 1.20, ${mode} (FlinkKinesisConsumer, KinesisStreamsSink)`,
  prepare: async ({ cluster, records }) => {
    // Flink's serializer looks into the JDK.
    const opened = ["lang", "util", "time"].flatMap((name) => ["--add-opens", `java.base/java.${name}=ALL-UNNAMED`]);
    const program = javaProgram("flink", here("flink"), { options: opened });
    if (program.missing !== undefined) return program;
    const gateway = await startGateway(cluster);
    return {
      command: [...program.command, "FlinkCheck", cluster.endpoint, gateway.endpoint, mode, records],
      counted: [gateway.adminAddress],
      stop: gateway.stop,
    };
  },
}));

export const SUITES = [javascript, browser, boto3, awscli, go, java, rust, ...kcl, kpl, ...flink];

/** What a reader may look for in vain, and why. */
export const NOT_TRIED = [
  "Flink's newer source, KinesisStreamsSource (flink-connector-aws-kinesis-streams 5 and later): of that artifact Maven had version 1.15.2 only, which is the sink",
  "AWS CLI v2: it is not on PyPI",
  "KCL 1, and KCL in other languages, which runs KCL for Java beside it",
  "the SDKs for .NET, Ruby and PHP: no toolchain for them where this was run. The SDK for C++ is what KPL's daemon is built on",
];
