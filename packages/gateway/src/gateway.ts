import type { ClusterMetadata, ControllerConnection, ShardRouter } from "@millrace/client";
import type { Logger, World } from "@millrace/util";
import { AwsError, awsError } from "./errors.ts";
import type { ApiRequest, ApiResponse } from "./http/api-types.ts";
import type { GatewayMetrics } from "./metrics.ts";
import type { Services } from "./operations/operation.ts";
import { OPERATION_TABLE } from "./operations/table.ts";
import { RateQuotas } from "./quotas.ts";
import { TokenSealer } from "./tokens.ts";

export interface GatewayOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly metadata: ClusterMetadata;
  readonly controllers: ControllerConnection;
  readonly router: ShardRouter;
  readonly metrics: GatewayMetrics;
}

/** The API without its sockets: a request in, an answer or an AwsError out. */
export class Gateway {
  readonly #options: GatewayOptions;
  #services: Services | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /** Why it does not serve yet; empty when it does. */
  get reasonsNotReady(): string[] {
    const { metadata } = this.#options;
    if (metadata.version === 0) return ["no metadata from the controllers yet"];
    return metadata.identity === undefined ? ["the cluster is not initialised yet"] : [];
  }

  /** @throws AwsError */
  async handle(request: ApiRequest): Promise<ApiResponse> {
    const { metrics, world } = this.#options;
    const startMs = world.clock.monotonicMs();
    let outcome = "ok";
    try {
      const operation = OPERATION_TABLE.get(request.operation);
      if (operation === undefined) {
        throw awsError("INVALID_ARGUMENT", {
          text: `${request.operation} is not supported by this version of Millrace.`,
        });
      }
      return await operation.respond(this.#ready(), request);
    } catch (error) {
      outcome = error instanceof AwsError ? error.awsName : "InternalFailure";
      throw error;
    } finally {
      metrics.answered(request.operation, outcome, world.clock.monotonicMs() - startMs);
    }
  }

  #ready(): Services {
    const { world, metadata, controllers, router, logger, metrics } = this.#options;
    const { identity } = metadata;
    if (identity === undefined) {
      throw awsError("UNAVAILABLE", { text: "The cluster is starting. Retry the request." });
    }
    this.#services ??= {
      clock: world.clock,
      random: world.random,
      logger,
      metadata,
      controllers,
      router,
      tokens: new TokenSealer(Buffer.from(identity.tokenKey), world.random),
      hasQuotas: identity.settings?.quotas !== "off",
      rates: new RateQuotas(),
      streamMetrics: metrics.streams,
    };
    return this.#services;
  }
}
