// One pod as a kubelet runs it: init containers, the container, its probes, preStop and signals, restarts. Containers are podman's.
import { setTimeout as sleep } from "node:timers/promises";
import { API_HOST } from "./api-server.mjs";
import { bytesOf, environmentOf } from "./manifests.mjs";
import { ended, inspect, LIMITS, podman } from "./podman.mjs";

/** A pod that takes longer to be ready says why. */
const LATE_MS = 15_000;

export class Pod {
  isReady = false;
  isTerminating = false;
  restarts = 0;
  /** Of the last life that has ended. */
  exitCode;
  address = "";
  pid = 0;
  /** When it was ready first, after its creation. */
  readyAfterMs = 0;
  /** What the last probe that failed was told. */
  #notReady = "";
  #cluster;
  #paths = new Map();
  #stopProbes = new AbortController();
  #gone = Promise.resolve();

  constructor(cluster, definition) {
    this.#cluster = cluster;
    Object.assign(this, definition);
    if (definition.spec.containers.length !== 1) throw new Error("pods with several containers are not imitated");
    this.container = definition.spec.containers[0];
    this.containerName = `${cluster.prefix}-${definition.name}`;
  }

  async start() {
    const startedAt = performance.now();
    this.#paths = await this.#cluster.volumes.of(this);
    for (const init of this.spec.initContainers ?? []) {
      const name = `${this.containerName}-${init.name}`;
      await podman("run", "--rm", "--name", name, ...this.#parameters(init), this.#image(init), ...(init.args ?? []));
    }
    const { container } = this;
    const aliases = this.subdomain === undefined ? [] : ["--network-alias", `${this.name}.${this.subdomain}`];
    await podman(
      ...["run", "--detach", "--name", this.containerName, "--hostname", this.name, ...aliases],
      ...this.#parameters(container),
      ...(container.command === undefined ? [] : ["--entrypoint", JSON.stringify(container.command)]),
      ...[this.#image(container), ...(container.args ?? [])],
    );
    await this.#begin();
    this.#probe(startedAt);
  }

  /** The container's end, for pods that have one. */
  get finished() {
    return this.#gone;
  }

  #image({ image }) {
    return this.#cluster.earlierImage ?? image;
  }

  async #begin() {
    ({ address: this.address, pid: this.pid } = await inspect(this.containerName));
    await this.#cluster.policies.apply();
    this.#gone = ended(this.containerName).then(async (status) => {
      this.exitCode = status;
      if (this.isTerminating || this.spec.restartPolicy === "Never") return;
      this.isReady = false;
      this.restarts++;
      this.#cluster.say(`${this.name} ended with ${status} and is restarted`);
      await podman("start", this.containerName);
      await this.#begin();
    });
    this.#gone.catch((error) => this.#cluster.say(`${this.name}: ${error.message}`));
  }

  #parameters(container) {
    const { spec } = this;
    const security = { ...spec.securityContext, ...container.securityContext };
    const limits = container.resources?.limits ?? {};
    const environment = Object.entries(environmentOf(container, this, this.#cluster.objects));
    const mounts = (container.volumeMounts ?? []).map(
      ({ name, mountPath, readOnly }) => `${this.#paths.get(name)}:${mountPath}:${readOnly ? "ro" : "rw"}`,
    );
    // Pods are told nothing that the manifests do not say, but where the API server and the services are.
    return [
      ...["--network", this.#cluster.network, ...LIMITS],
      ...[API_HOST, ...this.#cluster.services].flatMap((name) => [
        "--add-host",
        `${name}:${this.#cluster.hostAddress}`,
      ]),
      ...["--user", `${security.runAsUser}:${security.runAsGroup}`],
      ...(security.fsGroup === undefined ? [] : ["--group-add", String(security.fsGroup)]),
      ...(security.readOnlyRootFilesystem ? ["--read-only", "--read-only-tmpfs=false"] : []),
      ...(security.capabilities?.drop ?? []).flatMap((name) => ["--cap-drop", name]),
      ...(security.allowPrivilegeEscalation === false ? ["--security-opt", "no-new-privileges"] : []),
      ...(limits.memory === undefined ? [] : ["--memory", String(bytesOf(limits.memory))]),
      ...environment.flatMap(([name, value]) => ["--env", `${name}=${value}`]),
      ...mounts.flatMap((mount) => ["--volume", mount]),
    ];
  }

  /** Startup first; then readiness and liveness side by side, until the pod is to go. */
  #probe(startedAt) {
    const { startupProbe, readinessProbe, livenessProbe } = this.container;
    const { signal } = this.#stopProbes;
    const onReadiness = (isReady) => {
      if (isReady && this.readyAfterMs === 0) {
        this.readyAfterMs = Math.round(performance.now() - startedAt);
        if (this.readyAfterMs > LATE_MS) this.#cluster.say(`${this.name} was not ready until now: ${this.#notReady}`);
      }
      this.isReady = isReady && !this.isTerminating;
    };
    const kill = async (what) => {
      this.#cluster.say(`${this.name}: the ${what} failed, its container is killed`);
      await podman("kill", this.containerName);
    };
    const run = async () => {
      if (startupProbe !== undefined) {
        let failures = 0;
        while (!signal.aborted && !(await this.#ask(startupProbe))) {
          if (++failures >= (startupProbe.failureThreshold ?? 3)) await kill("startup probe");
          await pause(periodMs(startupProbe), signal);
        }
      }
      await Promise.all([
        this.#watch(readinessProbe, onReadiness),
        this.#watch(livenessProbe, (isAlive) => (isAlive ? undefined : kill("liveness probe"))),
      ]);
    };
    run().catch((error) => this.#cluster.say(`${this.name}: ${error.message}`));
  }

  async #watch(probe, onChange) {
    const { signal } = this.#stopProbes;
    let failures = 0;
    while (probe !== undefined && !signal.aborted) {
      failures = (await this.#ask(probe)) ? 0 : failures + 1;
      if (signal.aborted) return;
      if (failures === 0) await onChange(true);
      else if (failures >= (probe.failureThreshold ?? 3)) {
        await onChange(false);
        failures = 0;
      }
      await pause(periodMs(probe), signal);
    }
  }

  async #ask({ httpGet, timeoutSeconds = 1 }) {
    const port = (this.container.ports ?? []).find(({ name }) => name === httpGet.port)?.containerPort ?? httpGet.port;
    try {
      const url = `http://${this.address}:${port}${httpGet.path}`;
      const response = await fetch(url, { signal: AbortSignal.timeout(timeoutSeconds * 1_000) });
      const body = await response.text();
      if (!response.ok) this.#notReady = body;
      return response.ok;
    } catch (error) {
      this.#notReady = error.message;
      return false;
    }
  }

  /** As `kubectl delete pod`: out of the endpoints, preStop, SIGTERM, and SIGKILL when the grace is over. @returns what happened */
  async stop(graceMs = (this.spec.terminationGracePeriodSeconds ?? 30) * 1_000) {
    this.#leave();
    const startedAt = performance.now();
    const hook = this.container.lifecycle?.preStop?.exec;
    const over = sleep(graceMs, "over", { ref: false });
    if (hook !== undefined) await Promise.race([podman("exec", this.containerName, ...hook.command), over]);
    await podman("kill", "--signal", "TERM", this.containerName);
    const killed = (await Promise.race([this.#gone.then(() => "gone"), over])) === "over";
    const stoppedMs = Math.round(performance.now() - startedAt);
    const { exitCode } = await inspect(this.containerName);
    await this.#remove();
    return { stoppedMs, exitCode, killed };
  }

  /** As the death of its node: no preStop, no signal that could be heard. */
  async kill() {
    this.#leave();
    await this.#remove();
  }

  #leave() {
    this.isTerminating = true;
    this.isReady = false;
    this.#stopProbes.abort();
  }

  async #remove() {
    // With what the image calls a volume and nobody mounted.
    const remove = () => podman("rm", "--force", "--volumes", "--time", "0", this.containerName);
    // Podman refuses at times to remove what is just ending by itself.
    await remove().catch(() => sleep(500).then(remove));
    await this.#gone;
  }
}

const periodMs = ({ periodSeconds = 10 }) => periodSeconds * 1_000;

async function pause(ms, signal) {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
