import type { ClusterMetadata, ControllerConnection, ShardRouter } from "@millrace/client";
import type { Logger, Span, Tracer, World } from "@millrace/util";
import type { GatewayAudit } from "./audit.ts";
import { AwsError, awsError } from "./errors.ts";
import type { ApiRequest, ApiResponse } from "./http/api-types.ts";
import { FreshMetadata } from "./fresh-metadata.ts";
import type { GatewayMetrics } from "./metrics.ts";
import type { Services } from "./operations/operation.ts";
import { OPERATION_TABLE } from "./operations/table.ts";
import { RateQuotas } from "./quotas.ts";
import { isRepetition } from "./records/put-plan.ts";
import { PutLimit } from "./records/put-limit.ts";
import { TokenSealer } from "./tokens.ts";

export interface GatewayOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly metadata: ClusterMetadata;
  readonly controllers: ControllerConnection;
  readonly router: ShardRouter;
  readonly metrics: GatewayMetrics;
  readonly audit?: GatewayAudit;
  readonly tracer?: Tracer;
}

const PUTS: ReadonlySet<string> = new Set(["PutRecord", "PutRecords"]);

/** The API without its sockets: a request in, an answer or an AwsError out. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #fresh: FreshMetadata;
  readonly #puts: PutLimit;
  #services: Services | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { world, logger, metadata, controllers } = options;
    this.#puts = new PutLimit({ clock: world.clock });
    this.#fresh = new FreshMetadata({ clock: world.clock, logger, metadata, controllers });
  }

  /** Data that puts on their way may bring: more would be refused when it is here. */
  get putBytesWanted(): number {
    return this.#puts.bytesWanted;
  }

  /** Why it does not serve yet; empty when it does. */
  get reasonsNotReady(): string[] {
    const { metadata } = this.#options;
    if (metadata.version === 0) return ["no metadata from the controllers yet"];
    return metadata.identity === undefined ? ["the cluster is not initialised yet"] : [];
  }

  /** @throws AwsError */
  handle(request: ApiRequest): Promise<ApiResponse> {
    const { tracer } = this.#options;
    if (tracer === undefined) return this.#handle(request);
    const { operation, requestId, region, headers } = request;
    const span = tracer.startRequest(`Kinesis/${operation}`, headers["traceparent"], {
      ...{ "rpc.system": "aws-api", "rpc.service": "Kinesis", "rpc.method": operation },
      ...{ "aws.request_id": requestId, "cloud.region": region },
    });
    return span === undefined ? this.#handle(request) : tracer.within(span, () => this.#traced(request, span));
  }

  async #traced(request: ApiRequest, span: Span): Promise<ApiResponse> {
    try {
      const response = await this.#handle(request);
      span.end();
      return response;
    } catch (error) {
      span.end({ error: error instanceof AwsError ? error.awsName : "InternalFailure" });
      throw error;
    }
  }

  async #handle(request: ApiRequest): Promise<ApiResponse> {
    const { metrics, world, audit } = this.#options;
    const startMs = world.clock.monotonicMs();
    let outcome = "ok";
    try {
      const operation = OPERATION_TABLE.get(request.operation);
      if (operation === undefined) {
        throw awsError("INVALID_ARGUMENT", {
          text: `${request.operation} is not supported by this version of Millrace.`,
        });
      }
      const { version } = this.#options.metadata;
      const respond = (): Promise<ApiResponse> => operation.respond(this.#ready(), request);
      try {
        if (!PUTS.has(request.operation)) return await respond();
        const put = { sizeBytes: request.body.length, isRepetition: isRepetition(request) };
        return await this.#puts.run(put, respond);
      } catch (error) {
        return await this.#fresh.again(error, request.operation, version, respond);
      }
    } catch (error) {
      outcome = error instanceof AwsError ? error.awsName : "InternalFailure";
      throw error;
    } finally {
      audit?.answered(request, outcome);
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
      puts: this.#puts,
      streamMetrics: metrics.streams,
      failpoint: world.failpoint,
    };
    return this.#services;
  }
}
