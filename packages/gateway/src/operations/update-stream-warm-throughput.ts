import { activeStream, changeStream, checkOnDemand } from "../stream-updates.ts";
import { streamArn } from "../streams.ts";
import { defineOperation } from "./operation.ts";

/** A note for the account's bill on AWS; here brokers take what they can, warm or not. */
export const updateStreamWarmThroughput = defineOperation(
  "UpdateStreamWarmThroughput",
  async (input, services, request) => {
    const view = activeStream(services, input, request);
    checkOnDemand(view.stream.mode, "Warm throughput");
    const target = input.WarmThroughputMiBps;
    await changeStream(services, request, view, { warmThroughputMibps: target });
    return {
      StreamARN: streamArn(view),
      StreamName: view.key.name,
      WarmThroughput: { TargetMiBps: target, CurrentMiBps: target },
    };
  },
);
