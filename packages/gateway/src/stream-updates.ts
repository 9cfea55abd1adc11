/** What the operations that change a stream have in common. */
import type { StreamView } from "@millrace/client";
import type { Command, Stream } from "@millrace/proto";
import { executeCommand } from "./control.ts";
import { awsError } from "./errors.ts";
import type { ApiRequest } from "./http/api-types.ts";
import type { Services } from "./operations/operation.ts";
import { notActive, streamOf, type StreamReference } from "./streams.ts";

type Change = Omit<NonNullable<Command["updateStream"]>, "key">;

/** @throws AwsError STREAM_NOT_FOUND, STREAM_NOT_ACTIVE */
export function activeStream({ metadata }: Services, reference: StreamReference, request: ApiRequest): StreamView {
  const view = streamOf(metadata, reference, request);
  if (view.stream.status !== "ACTIVE") throw notActive(view);
  return view;
}

/** @throws AwsError INVALID_ARGUMENT */
export function checkOnDemand(mode: Stream["mode"], what: "Warm throughput" | "A record distribution strategy"): void {
  if (mode === "ON_DEMAND") return;
  throw awsError("INVALID_ARGUMENT", { text: `${what} needs a stream in ON_DEMAND mode.` });
}

/** One decision about a stream. @throws AwsError */
export async function changeStream(
  services: Services,
  request: ApiRequest,
  { key }: StreamView,
  change: Change,
): Promise<void> {
  await executeCommand(services, request, { updateStream: { key, ...change } }, { stream: key.name });
}
