// NetworkPolicies as packet filters in the pods' own network namespaces: a pod that a policy selects takes in what one of its policies
// allows, and answers to what it asked. Egress policies are not imitated; the manifests have none.
import { selects } from "./manifests.mjs";
import { sh } from "./podman.mjs";

export class NetworkPolicies {
  #policies;
  #pods;
  #hostAddress;
  #queue = Promise.resolve();

  /** `pods`: a function that tells who is there now. */
  constructor(objects, pods, hostAddress) {
    this.#policies = objects.filter(({ kind }) => kind === "NetworkPolicy");
    this.#pods = pods;
    this.#hostAddress = hostAddress;
  }

  /** Anew after every change of pods or labels: addresses change with every start. */
  apply() {
    this.#queue = this.#queue.then(async () => {
      for (const pod of this.#pods()) {
        if (pod.pid === 0 || pod.isTerminating) continue;
        try {
          await this.#filter(pod);
        } catch (error) {
          // It has died meanwhile; its next life is filtered at its start.
          if (!pod.isTerminating && !/ns\/net|neither filename/.test(error.message)) throw error;
        }
      }
    });
    return this.#queue;
  }

  get hasQuarantine() {
    return JSON.stringify(this.#policies).includes("millrace/quarantine");
  }

  rulesFor(pod) {
    const selecting = this.#policies.filter(({ spec }) => selects(spec.podSelector, pod.labels));
    if (selecting.length === 0) return ["-A INPUT -j ACCEPT"];
    const allowed = selecting.flatMap(({ spec }) =>
      (spec.ingress ?? []).flatMap(({ from, ports = [{}] }) =>
        this.#sources(from).flatMap((source) => ports.map(({ port }) => [source, port])),
      ),
    );
    return [
      "-A INPUT -i lo -j ACCEPT",
      "-A INPUT -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j ACCEPT",
      "-A INPUT -p udp --sport 53 -j ACCEPT",
      // Its node's kubelet always may.
      `-A INPUT -s ${this.#hostAddress} -j ACCEPT`,
      ...allowed.map(
        ([source, port]) =>
          `-A INPUT${source === undefined ? "" : ` -s ${source}`}${port === undefined ? "" : ` -p tcp --dport ${port}`} -j ACCEPT`,
      ),
      "-A INPUT -j DROP",
    ];
  }

  /** Addresses; [undefined] is everybody. */
  #sources(from) {
    if (from === undefined) return [undefined];
    return from.flatMap(({ podSelector }) =>
      this.#pods().flatMap((pod) => (pod.address !== "" && selects(podSelector, pod.labels) ? [pod.address] : [])),
    );
  }

  async #filter(pod) {
    const rules = ["-F INPUT", ...this.rulesFor(pod)].join("\n");
    const table = `*filter\n${rules}\nCOMMIT\n`;
    await sh("nsenter", "-t", String(pod.pid), "-n", "sh", "-c", `printf '%s' '${table}' | iptables-restore --noflush`);
  }
}
