import { awsError } from "../errors.ts";
import type { ApiRequest } from "../http/api-types.ts";
import { changeStream } from "../stream-updates.ts";
import { notActive, streamOf, type StreamReference } from "../streams.ts";
import { defineOperation, type Services } from "./operation.ts";

const HOURS_MIN = 24;
const HOURS_MAX = 8_760;

type Input = StreamReference & { readonly RetentionPeriodHours: number };

async function change(direction: "increase" | "decrease", input: Input, services: Services, request: ApiRequest) {
  const view = streamOf(services.metadata, input, request);
  const hours = input.RetentionPeriodHours;
  const currentHours = view.stream.retentionHours;
  if (hours < HOURS_MIN) throw awsError("RETENTION_TOO_SHORT", { hours });
  if (hours > HOURS_MAX) throw awsError("RETENTION_TOO_LONG", { hours });
  const fields = { stream: view.key.name, hours, currentHours };
  if (direction === "increase" && hours < currentHours) throw awsError("RETENTION_NOT_INCREASED", fields);
  if (direction === "decrease" && hours > currentHours) throw awsError("RETENTION_NOT_DECREASED", fields);
  if (view.stream.status !== "ACTIVE") throw notActive(view);
  if (hours !== currentHours) await changeStream(services, request, view, { retentionHours: hours });
  return undefined;
}

export const increaseStreamRetentionPeriod = defineOperation(
  "IncreaseStreamRetentionPeriod",
  (input, services, request) => change("increase", input, services, request),
);

export const decreaseStreamRetentionPeriod = defineOperation(
  "DecreaseStreamRetentionPeriod",
  (input, services, request) => change("decrease", input, services, request),
);
