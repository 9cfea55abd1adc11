import { type ShardRouter, ShardUnavailable, type ShardView } from "@millrace/client";
import type { ClaimRequest } from "@millrace/proto";
import { realWorld } from "@millrace/util";
import { expect, test } from "vitest";
import type { Services } from "../operations/operation.ts";
import { claimSubscription } from "./claim-subscription.ts";

const shard = {
  ...{ groupId: 16, shardId: "shardId-000000000000" },
  stream: { key: { accountId: "000000000000", region: "us-east-1", name: "s" } },
} as unknown as ShardView;

test("a claim of which nobody knows whether it was granted is taken back", async () => {
  const asked: ClaimRequest[] = [];
  const router = {
    claim: (request: ClaimRequest) => {
      asked.push(request);
      return request.kind === "first"
        ? Promise.reject(new ShardUnavailable(16, "timedOut"))
        : Promise.resolve("granted");
    },
  } as unknown as ShardRouter;
  const services = { ...realWorld(), router } as unknown as Services;
  const claimed = claimSubscription(services, shard, "app", new AbortController().signal);
  await expect(claimed).rejects.toMatchObject({ awsName: "ServiceUnavailableException" });
  expect(asked.map(({ kind }) => kind)).toEqual(["first", "release"]);
  expect(new Set(asked.map(({ subscriptionId }) => subscriptionId)).size).toBe(1);
});
