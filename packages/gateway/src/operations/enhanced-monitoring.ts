import type { ApiRequest } from "../http/api-types.ts";
import type { EnhancedMonitoringOutput } from "../model/generated/kinesis-types.ts";
import { activeStream, changeStream } from "../stream-updates.ts";
import { streamArn, type StreamReference } from "../streams.ts";
import { defineOperation, type Services } from "./operation.ts";

type Metric = NonNullable<EnhancedMonitoringOutput["CurrentShardLevelMetrics"]>[number];

const ALL: readonly Metric[] = [
  "IncomingBytes",
  "IncomingRecords",
  "IteratorAgeMilliseconds",
  "OutgoingBytes",
  "OutgoingRecords",
  "ReadProvisionedThroughputExceeded",
  "WriteProvisionedThroughputExceeded",
];

type Input = StreamReference & { readonly ShardLevelMetrics: readonly Metric[] };

async function change(
  input: Input,
  services: Services,
  request: ApiRequest,
  next: (current: readonly Metric[], named: readonly Metric[]) => Metric[],
): Promise<EnhancedMonitoringOutput> {
  const view = activeStream(services, input, request);
  const current = view.stream.shardLevelMetrics as Metric[];
  const named = input.ShardLevelMetrics.includes("ALL") ? ALL : input.ShardLevelMetrics;
  const desired = next(current, named).toSorted();
  await changeStream(services, request, view, { shardLevelMetrics: { names: desired } });
  return {
    StreamName: view.key.name,
    StreamARN: streamArn(view),
    CurrentShardLevelMetrics: current,
    DesiredShardLevelMetrics: desired,
  };
}

export const enableEnhancedMonitoring = defineOperation("EnableEnhancedMonitoring", (input, services, request) =>
  change(input, services, request, (current, named) => [...new Set([...current, ...named])]),
);

export const disableEnhancedMonitoring = defineOperation("DisableEnhancedMonitoring", (input, services, request) =>
  change(input, services, request, (current, named) => current.filter((metric) => !named.includes(metric))),
);
