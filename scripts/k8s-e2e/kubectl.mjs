// As much of kubectl as scripts/chaos uses, against our imitation of a cluster: the very scripts run that an operator would run. A small
// program named kubectl, first in PATH, sends its arguments here over a socket; `kubectl kustomize` is the real one's.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { delimiter, join } from "node:path";
import { bytesOf, parseObjects } from "./manifests.mjs";
import { logs, podman } from "./podman.mjs";

const SWITCHES = new Set(["force", "overwrite", "ignore-not-found", "follow"]);
const ZONE_LABEL = "topology.kubernetes.io/zone";

/** @returns {Promise<{ environment: NodeJS.ProcessEnv, close: () => void }>} what a script must be started with */
export async function startKubectl(cluster) {
  const directory = join(cluster.directory, "bin");
  const socket = join(cluster.directory, "kubectl.sock");
  mkdirSync(directory);
  const real = execFileSync("which", ["kubectl"], { encoding: "utf8" }).trim();
  const program = join(directory, "kubectl");
  writeFileSync(program, clientText(real, socket));
  chmodSync(program, 0o755);
  const server = createServer((request, response) => {
    answer(cluster, request).then(
      (answered) => response.end(JSON.stringify(answered)),
      (error) => response.destroy(error),
    );
  });
  server.requestTimeout = 0;
  await new Promise((resolve) => server.listen(socket, resolve));
  const environment = { ...process.env, PATH: `${directory}${delimiter}${process.env.PATH}` };
  return { environment, close: () => server.close() };
}

async function answer(cluster, request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { parameters, input } = JSON.parse(Buffer.concat(chunks).toString());
  try {
    return { code: 0, output: (await kubectl(cluster, parse(parameters), input)) ?? "" };
  } catch (error) {
    return { code: error.code > 0 ? error.code : 1, output: "", error: `error: ${error.message}` };
  }
}

const clientText = (real, socket) => `#!${process.execPath}
const { spawnSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const { request } = require("node:http");
const parameters = process.argv.slice(2);
if (parameters[0] === "kustomize") process.exit(spawnSync(${JSON.stringify(real)}, parameters, { stdio: "inherit" }).status);
const input = parameters.includes("-") ? readFileSync(0, "utf8") : "";
const outgoing = request({ socketPath: ${JSON.stringify(socket)}, method: "POST" }, async (response) => {
  let text = "";
  for await (const chunk of response) text += chunk;
  const { code, output, error } = JSON.parse(text);
  if (output) process.stdout.write(output.endsWith("\\n") ? output : output + "\\n");
  if (error) process.stderr.write(error + "\\n");
  process.exitCode = code;
});
outgoing.end(JSON.stringify({ parameters, input }));
`;

/** Flags as `--name value` or `--name=value`; what follows `--` is a command. */
function parse(parameters) {
  const flags = {};
  const words = [];
  const rest = parameters.includes("--") ? parameters.slice(parameters.indexOf("--") + 1) : [];
  const own = rest.length > 0 ? parameters.slice(0, parameters.indexOf("--")) : [...parameters];
  while (own.length > 0) {
    const word = own.shift();
    const [, name, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) words.push(word);
    else flags[name] = value ?? (SWITCHES.has(name) ? "true" : own.shift());
  }
  return { verb: words[0], words: words.slice(1), flags, command: rest };
}

async function kubectl(cluster, { verb, words, flags, command }, input) {
  switch (verb) {
    case "get":
      return get(cluster, words[0], flags);
    case "cordon":
    case "uncordon": {
      const node = words[0].replace("node/", "");
      if (verb === "cordon") cluster.cordoned.add(node);
      else cluster.cordoned.delete(node);
      cluster.reconcile();
      return `node/${node} ${verb}ed`;
    }
    case "delete":
      return (await Promise.all(words.map((word) => remove(cluster, word, flags)))).join("\n");
    case "label": {
      const change = /^([\w./-]+?)(?:=(.*)|-)$/.exec(words.at(-1));
      for (const pod of words.slice(0, -1).map((word) => podNamed(cluster, word))) {
        if (change[2] === undefined) delete pod.labels[change[1]];
        else pod.labels[change[1]] = change[2];
      }
      await cluster.policies.apply();
      return `${words.length - 1} labeled`;
    }
    case "patch": {
      const { requests } = JSON.parse(flags.patch).spec.resources;
      await cluster.volumes.growClaim(words[0].replace("pvc/data-", ""), bytesOf(requests.storage));
      return `${words[0]} patched`;
    }
    case "scale":
      await cluster.scale(words[0].replace(/^\w+\//, ""), Number(flags.replicas));
      return `${words[0]} scaled`;
    case "rollout":
      await cluster.complete(Number.parseInt(flags.timeout, 10) * 1_000);
      return `${words[1]} successfully rolled out`;
    case "exec":
      return podman("exec", podNamed(cluster, words[0]).containerName, ...command);
    case "apply":
      for (const job of parseObjects(input)) await cluster.runJob(job);
      return "job applied";
    case "logs": {
      const pod = cluster.jobs.get(words[0].replace("job/", ""));
      if (pod === undefined) throw new Error("no such job");
      if (flags.follow !== undefined) await pod.finished;
      return logs(pod.containerName);
    }
    default:
      throw new Error(`kubectl ${verb} is not imitated`);
  }
}

function get(cluster, what, flags) {
  const path = flags.output?.replace(/^jsonpath=/, "");
  if (what === "nodes") {
    const zone = flags.selector.replace(`${ZONE_LABEL}=`, "");
    return [...cluster.nodes].flatMap(([name, each]) => (each === zone ? [`node/${name}`] : [])).join("\n");
  }
  if (what === "pods") {
    const [, components] = /^app\.kubernetes\.io\/component in \(([\w,]+)\)$/.exec(flags.selector);
    const node = flags["field-selector"]?.replace("spec.nodeName=", "");
    const found = cluster.pods.filter(
      (pod) => components.split(",").includes(pod.component) && (node === undefined || pod.nodeName === node),
    );
    return found.map(({ name }) => `pod/${name}`).join("\n");
  }
  if (what.startsWith("pod/") && path === "{.spec.nodeName}") return podNamed(cluster, what).nodeName;
  if (what.startsWith("pvc/")) return cluster.hasClaim(what.replace("pvc/data-", "")) ? what : "";
  if (what.startsWith("job/") && path === "{.status.succeeded}/{.status.failed}") {
    const { exitCode } = cluster.jobs.get(what.slice(4));
    return exitCode === undefined ? "/" : exitCode === 0 ? "1/" : "/1";
  }
  throw new Error(`get ${what} ${path} is not imitated`);
}

async function remove(cluster, word, flags) {
  const [kind, name] = word.split("/");
  if (kind === "pvc") await cluster.deleteClaim(name.replace(/^data-/, ""));
  else if (kind === "pod") {
    const pod = cluster.pods.find((each) => each.name === name);
    if (pod === undefined && flags["ignore-not-found"] === undefined) throw new Error(`pods "${name}" not found`);
    if (pod !== undefined) {
      const graceMs = flags["grace-period"] === undefined ? undefined : Number(flags["grace-period"]) * 1_000;
      await cluster.deletePod(pod, flags.force !== undefined, graceMs);
      cluster.reconcile();
    }
  } else if (kind === "job") {
    await cluster.jobs.get(name)?.kill();
    cluster.jobs.delete(name);
  } else throw new Error(`delete ${kind} is not imitated`);
  return `${word} deleted`;
}

function podNamed(cluster, word) {
  const pod = cluster.pods.find(({ name }) => name === word.replace("pod/", ""));
  if (pod === undefined) throw new Error(`pods "${word}" not found`);
  return pod;
}
