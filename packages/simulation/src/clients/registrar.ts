import type { ConsumerCall, ConsumerInput, ConsumerOutput } from "../checks/consumer-model.ts";
import type { SeededRandom } from "../world/random.ts";
import { SdkError, type SimulatedSdk } from "./sdk.ts";

export interface RegistrarOptions {
  readonly name: string;
  readonly sdk: SimulatedSdk;
  readonly random: SeededRandom;
  readonly streams: readonly string[];
  readonly nowUs: () => number;
}

/** Of one stream: few, so that clients meet. */
const NAMES = ["one", "two", "three"];
const DONE_OR_REFUSED: Readonly<Record<string, ConsumerOutput>> = {
  ResourceInUseException: "refused",
  ResourceNotFoundException: "refused",
};
/** Answers before anything is decided. */
const NEVER_TRIED = new Set(["LimitExceededException", "ProvisionedThroughputExceededException"]);

/** Registers and deregisters consumers that others register and deregister too, by way of any gateway, and notes what it is told. */
export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #pauseMaxMs: number;
  readonly calls: ConsumerCall[] = [];
  isStopped = false;
  readonly ended: Promise<void>;

  constructor(options: RegistrarOptions) {
    this.#options = options;
    this.#pauseMaxMs = options.random.magnitude(100, 4_000);
    this.ended = this.#run();
  }

  async #run(): Promise<void> {
    const { sdk, random } = this.#options;
    while (!this.isStopped) {
      await this.#once();
      await sdk.rest(random.between(0, this.#pauseMaxMs));
    }
  }

  /** One attempt only: of several, which one was answered would not be known. */
  async #once(): Promise<void> {
    const { sdk, random, streams, nowUs, name: client } = this.#options;
    const stream = random.pick(streams);
    const name = random.pick(NAMES);
    const input: ConsumerInput = random.chance(0.5) ? "register" : "deregister";
    const request = { StreamARN: arnOf(stream), ConsumerName: name };
    const operation = input === "register" ? "RegisterStreamConsumer" : "DeregisterStreamConsumer";
    const calledAt = nowUs();
    let output: ConsumerOutput | undefined = "done";
    try {
      await sdk.call(operation, request, 1);
    } catch (error) {
      if (!(error instanceof SdkError)) throw error;
      if (NEVER_TRIED.has(error.name)) return;
      output = DONE_OR_REFUSED[error.name];
    }
    const returnedAt = output === undefined ? Infinity : nowUs();
    this.calls.push({ client, consumer: `${stream}/${name}`, input, output, calledAt, returnedAt });
  }
}

function arnOf(stream: string): string {
  return `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`;
}
