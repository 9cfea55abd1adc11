import type { StreamView } from "@millrace/client";
import type { Consumer } from "@millrace/proto";
import { executeChecked } from "../control.ts";
import { awsError } from "../errors.ts";
import { openPageToken, sealPageToken } from "../pages.ts";
import { consumerArn, consumerOf, type Resource } from "../resources.ts";
import { changeStream } from "../stream-updates.ts";
import { type Caller, checkCreation, notActive, streamArn, streamOf } from "../streams.ts";
import { checkTagKeys, checkTags } from "../tags.ts";
import { defineOperation, type Services } from "./operation.ts";

const PAGE_MAX = 100;

function description(view: StreamView, consumer: Consumer) {
  return {
    ConsumerName: consumer.name,
    ConsumerARN: consumerArn(view, consumer),
    ConsumerStatus: "ACTIVE" as const,
    ConsumerCreationTimestamp: consumer.createdAtMs,
  };
}

interface ConsumerReference {
  readonly StreamARN?: string | undefined;
  readonly ConsumerName?: string | undefined;
  readonly ConsumerARN?: string | undefined;
}

function referredConsumer({ metadata }: Services, input: ConsumerReference, caller: Caller): Required<Resource> {
  const { StreamARN, ConsumerName, ConsumerARN } = input;
  if (ConsumerARN !== undefined) {
    const named = consumerOf(metadata, ConsumerARN, caller);
    const isSameStream = StreamARN === undefined || streamOf(metadata, { StreamARN }, caller) === named.view;
    if (isSameStream && (ConsumerName ?? named.consumer.name) === named.consumer.name) return named;
    throw awsError("INVALID_ARGUMENT", {
      text: `StreamARN and ConsumerName do not name the same consumer as ConsumerARN ${ConsumerARN}.`,
    });
  }
  if (StreamARN === undefined || ConsumerName === undefined) {
    throw awsError("INVALID_ARGUMENT", { text: "Either ConsumerARN, or StreamARN and ConsumerName must be provided." });
  }
  const view = streamOf(metadata, { StreamARN }, caller);
  const consumer = view.stream.consumers.find(({ name }) => name === ConsumerName);
  if (consumer === undefined) {
    throw awsError("CONSUMER_NOT_FOUND", { consumer: ConsumerName, accountId: view.key.accountId });
  }
  return { view, consumer };
}

export const registerStreamConsumer = defineOperation("RegisterStreamConsumer", async (input, services, request) => {
  const view = streamOf(services.metadata, { StreamARN: input.StreamARN }, request);
  const { name: stream, accountId } = view.key;
  if (view.stream.status !== "ACTIVE" && view.stream.status !== "UPDATING") throw notActive(view);
  const { ConsumerName: name, Tags: tags = new Map<string, string>() } = input;
  const check = (): void => {
    if (view.stream.consumers.some((consumer) => consumer.name === name)) {
      throw awsError("CONSUMER_EXISTS", { consumer: name, stream, accountId });
    }
    checkTags([...tags.keys(), ...tags.values()]);
    checkTagKeys(tags.keys());
  };
  const change = { registerConsumer: name, consumerTags: Object.fromEntries(tags) };
  await executeChecked(services, request, { updateStream: { key: view.key, ...change } }, { stream, check });
  const made = services.metadata.streamById(view.stream.streamId);
  const consumer = made?.stream.consumers.find((each) => each.name === name);
  if (made === undefined || consumer === undefined) throw awsError("UNAVAILABLE", { text: "Retry the request." });
  return { Consumer: description(made, consumer) };
});

export const deregisterStreamConsumer = defineOperation(
  "DeregisterStreamConsumer",
  async (input, services, request) => {
    const { view, consumer } = referredConsumer(services, input, request);
    await changeStream(services, request, view, { deregisterConsumer: consumer.name });
    return undefined;
  },
);

export const describeStreamConsumer = defineOperation("DescribeStreamConsumer", (input, services, request) => {
  const { view, consumer } = referredConsumer(services, input, request);
  return { ConsumerDescription: { ...description(view, consumer), StreamARN: streamArn(view) } };
});

export const listStreamConsumers = defineOperation("ListStreamConsumers", (input, services, request) => {
  const view = streamOf(services.metadata, { StreamARN: input.StreamARN }, request);
  const after = input.NextToken === undefined ? "" : afterOf(services, input.NextToken, view);
  if (input.NextToken !== undefined && input.StreamCreationTimestamp !== undefined) {
    throw awsError("TOKEN_AND_MEMBER", { member: "StreamCreationTimestamp" });
  }
  checkCreation(view, input.StreamCreationTimestamp);
  const rest = view.stream.consumers.filter(({ name }) => name > after);
  const page = rest.slice(0, Math.min(input.MaxResults ?? PAGE_MAX, PAGE_MAX));
  const last = page.at(-1);
  const next =
    last === undefined || page.length === rest.length
      ? {}
      : {
          NextToken: sealPageToken(services, "ListStreamConsumers", {
            after: last.name,
            streamId: view.stream.streamId,
          }),
        };
  return { Consumers: page.map((consumer) => description(view, consumer)), ...next };
});

/** @throws AwsError INVALID_TOKEN for another stream's, which may have had the same name */
function afterOf(services: Services, token: string, { stream }: StreamView): string {
  const { after, streamId } = openPageToken(services, "ListStreamConsumers", token);
  if (streamId !== stream.streamId) throw awsError("INVALID_TOKEN", {});
  return String(after);
}
