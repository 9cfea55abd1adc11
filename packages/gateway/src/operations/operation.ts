import type { ClusterMetadata, ControllerConnection, ShardRouter } from "@millrace/client";
import type { Clock, Failpoint, Logger, Random } from "@millrace/util";
import { checkAccessOf } from "../access.ts";
import type { ApiRequest, ApiResponse } from "../http/api-types.ts";
import type { OperationInputs, OperationOutputs } from "../model/generated/kinesis-types.ts";
import type { OperationName } from "../model/shapes.ts";
import { parseInput } from "../protocol/read-input.ts";
import { serializeOutput } from "../protocol/write-output.ts";
import { type RateQuotas, rateSubjectOf } from "../quotas.ts";
import type { PutLimit } from "../records/put-limit.ts";
import type { StreamMetrics } from "../stream-metrics.ts";
import type { TokenSealer } from "../tokens.ts";

/** What every operation works with. */
export interface Services {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metadata: ClusterMetadata;
  readonly controllers: ControllerConnection;
  readonly router: ShardRouter;
  readonly tokens: TokenSealer;
  /** False: the cluster has no quotas. */
  readonly hasQuotas: boolean;
  readonly rates: RateQuotas;
  readonly puts: PutLimit;
  readonly streamMetrics: StreamMetrics;
  readonly failpoint: Failpoint | undefined;
}

export interface Operation {
  readonly name: OperationName;
  respond(services: Services, request: ApiRequest): Promise<ApiResponse>;
}

/** An operation of the usual kind: typed input in, typed output out. @throws AwsError from `run` */
export function defineOperation<N extends OperationName>(
  name: N,
  run: (
    input: OperationInputs[N],
    services: Services,
    request: ApiRequest,
  ) => OperationOutputs[N] | Promise<OperationOutputs[N]>,
): Operation {
  return {
    name,
    async respond(services, request) {
      const input = parseInput(name, request.encoding, request.body);
      checkAccessOf(input, request);
      if (services.hasQuotas) services.rates.take(name, rateSubjectOf(input, request), services.clock.monotonicMs());
      const output = await run(input, services, request);
      return { status: 200, body: serializeOutput(name, request.encoding, output) };
    },
  };
}
