// Which operations a client really called, by the gateways' own count of the requests they answered.
import { Kinesis } from "@aws-sdk/client-kinesis";

const COUNTER = /^millrace_requests_total\{(.*)\} (\d+)$/gm;
const byName = (a, b) => a.localeCompare(b, "en");
const NOT_HERE = /is not supported by this version of Millrace/;

/** The operations of Kinesis's model, as the SDK knows it, by whether Millrace has them: it says so itself. */
export async function operationsOf(endpoint) {
  const credentials = { accessKeyId: "any", secretAccessKey: "any" };
  const client = new Kinesis({ endpoint, region: "us-east-1", credentials });
  const isOperation = (name) => !/^(constructor$|paginate|waitUntil)/.test(name);
  const implemented = [];
  const missing = [];
  for (const method of Object.getOwnPropertyNames(Kinesis.prototype).filter(isOperation)) {
    const name = method[0].toUpperCase() + method.slice(1);
    const answer = await client[method]({}).catch((error) => error.message);
    (NOT_HERE.test(answer) ? missing : implemented).push(name);
  }
  client.destroy();
  return { implemented: implemented.toSorted(byName), missing: missing.toSorted(byName) };
}

/** What happens from its making on, over restarts: a gateway's counters begin at nought with its process. */
export class RequestCount {
  #addresses;
  #before = new Map();
  #counts = new Map();

  /** `addresses` gives those of the gateways' metrics. */
  static async from(addresses) {
    const count = new RequestCount();
    count.#addresses = addresses;
    count.#before = await count.#read();
    return count;
  }

  async add() {
    const now = await this.#read();
    for (const [key, value] of now) {
      const more = value - (this.#before.get(key) ?? 0);
      if (more > 0) this.#counts.set(key, (this.#counts.get(key) ?? 0) + more);
    }
    this.#before = now;
  }

  /** The gateways are new processes. */
  async restart() {
    this.#before = await this.#read();
  }

  /** Operation → "ok" or, when nothing else came of it, "errors". No numbers: those change from run to run. */
  byOperation() {
    const operations = {};
    for (const key of [...this.#counts.keys()].toSorted(byName)) {
      const [operation, outcome] = key.split(" ");
      operations[operation] = outcome === "ok" || operations[operation] === "ok" ? "ok" : "errors";
    }
    return operations;
  }

  async #read() {
    const counters = new Map();
    for (const address of this.#addresses()) {
      const text = await (await fetch(`http://${address}/metrics`)).text();
      for (const [, labels, value] of text.matchAll(COUNTER)) {
        const label = (name) => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1];
        const key = `${label("operation")} ${label("outcome")}`;
        counters.set(key, (counters.get(key) ?? 0) + Number(value));
      }
    }
    return counters;
  }
}
