import { openPageToken, sealPageToken } from "../pages.ts";
import { streamArn } from "../streams.ts";
import { defineOperation } from "./operation.ts";

const PAGE_MAX = 100;

export const listStreams = defineOperation("ListStreams", (input, services, request) => {
  const { NextToken, ExclusiveStartStreamName, Limit } = input;
  // The paginators of the SDKs and the AWS CLI repeat the start with every page's token.
  const after =
    NextToken === undefined
      ? (ExclusiveStartStreamName ?? "")
      : String(openPageToken(services, "ListStreams", NextToken).after);
  const rest = services.metadata.streamsOf(request.accountId, request.region).filter(({ key }) => key.name > after);
  const page = rest.slice(0, Math.min(Limit ?? PAGE_MAX, PAGE_MAX));
  const last = page.at(-1);
  const hasMore = page.length < rest.length && last !== undefined;
  return {
    StreamNames: page.map(({ key }) => key.name),
    HasMoreStreams: hasMore,
    ...(hasMore ? { NextToken: sealPageToken(services, "ListStreams", { after: last.key.name }) } : {}),
    StreamSummaries: page.map((view) => ({
      StreamName: view.key.name,
      StreamARN: streamArn(view),
      StreamStatus: view.stream.status,
      StreamModeDetails: { StreamMode: view.stream.mode },
      StreamCreationTimestamp: view.stream.createdAtMs,
    })),
  };
});
