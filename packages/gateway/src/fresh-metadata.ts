import type { ClusterMetadata, ControllerConnection } from "@millrace/client";
import { type Clock, errorMessage, type Logger } from "@millrace/util";
import { AwsError, awsError, type ErrorCode } from "./errors.ts";

/** What a gateway says of streams that it does not know, or knows to be there: perhaps it knows too little. */
const ABOUT_WHAT_EXISTS = new Set(["ResourceNotFoundException", "ResourceInUseException"]);
/** And of what a stream was when it last heard of it: how many shards it had, its mode, its retention period. */
const ABOUT_HOW_IT_IS = new Set<ErrorCode>([
  ...(["SCALE_UP", "SCALE_DOWN", "ON_DEMAND_REFUSED"] as const),
  ...(["RETENTION_NOT_INCREASED", "RETENTION_NOT_DECREASED"] as const),
]);
/**
 * What changes nothing may be refused by what is known, while no controller can be asked. Not a put: an earlier attempt may have been
 * stored, and producers give a record up that they are told has no stream.
 */
const READS = /^(?:Describe|Get|List|SubscribeToShard)/;
const RUNS_MAX = 3;
const TIMEOUT_MS = 1_000;
/** Whoever asks for what is not there costs the controllers no more than this, whatever the number of requests. */
const ASK_EVERY_MS = 20;

export interface FreshMetadataOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metadata: ClusterMetadata;
  readonly controllers: ControllerConnection;
}

/**
 * Makes refusals as true as if there were one gateway: what another one has just made, or deleted, is known here before a client
 * hears that it is not there, or is. What is found is served at once, as it was known: reads may lag by a moment.
 */
export class FreshMetadata {
  readonly #options: FreshMetadataOptions;
  #askedAtMs = -Infinity;
  #running: Promise<boolean> = Promise.resolve(true);
  #next: Promise<boolean> | undefined;

  constructor(options: FreshMetadataOptions) {
    this.#options = options;
  }

  /** Repeats what was refused by metadata of `version`, while there is newer. @throws AwsError: the refusal, or UNAVAILABLE */
  async again<T>(refusal: unknown, name: string, version: number, operation: () => Promise<T>): Promise<T> {
    const { metadata } = this.#options;
    for (let runs = 1; ; runs++) {
      if (runs >= RUNS_MAX || !(refusal instanceof AwsError) || !mayBeOutdated(refusal)) throw refusal;
      const isCurrent = await this.#refresh();
      if (!isCurrent && !READS.test(name)) {
        throw awsError("UNAVAILABLE", { text: "The controllers are not available. Retry the request." });
      }
      if (metadata.version === version) throw refusal;
      ({ version } = metadata);
      try {
        return await operation();
      } catch (error) {
        refusal = error;
      }
    }
  }

  /** Resolves when all is known that was decided before the call; to false when that cannot be had now. Many calls share one question. */
  #refresh(): Promise<boolean> {
    // The question that is under way may have been answered before this call.
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return (this.#running = this.#ask());
    });
    return this.#next;
  }

  async #ask(): Promise<boolean> {
    const { clock, controllers, metadata, logger } = this.#options;
    try {
      const waitMs = this.#askedAtMs + ASK_EVERY_MS - clock.monotonicMs();
      if (waitMs > 0) await clock.sleep(waitMs);
      this.#askedAtMs = clock.monotonicMs();
      const { version } = await controllers.status({ timeoutMs: TIMEOUT_MS });
      return await metadata.waitForVersion(version, TIMEOUT_MS);
    } catch (error) {
      logger.debug({ error: errorMessage(error) }, "the controllers cannot say what is new; what is known must do");
      return false;
    }
  }
}

function mayBeOutdated({ awsName, code }: AwsError): boolean {
  return ABOUT_WHAT_EXISTS.has(awsName) || ABOUT_HOW_IT_IS.has(code);
}
