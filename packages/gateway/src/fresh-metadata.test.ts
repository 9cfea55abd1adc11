import { ClusterMetadata, type ControllerConnection } from "@millrace/client";
import type { MetadataUpdate__Output } from "@millrace/proto";
import { realWorld, silentLogger } from "@millrace/util";
import { expect, test } from "vitest";
import { AwsError, awsError } from "./errors.ts";
import { FreshMetadata } from "./fresh-metadata.ts";

const { clock } = realWorld();

/** A gateway that knows version 1, while the controllers have decided version 2, which comes when somebody asks. */
function lagging() {
  const metadata = new ClusterMetadata({ clock });
  const nothing = { streams: [], removedStreamIds: [], brokers: [], brokersChanged: false, cluster: null };
  const update = (version: number) => ({ version, full: version === 1, ...nothing }) as MetadataUpdate__Output;
  metadata.apply(update(1));
  const controllers = {
    status: () => {
      metadata.apply(update(2));
      return Promise.resolve({ version: 2 });
    },
  } as unknown as ControllerConnection;
  return { metadata, fresh: new FreshMetadata({ clock, logger: silentLogger, metadata, controllers }) };
}

test.each([
  awsError("STREAM_NOT_FOUND", { stream: "s", accountId: "0" }),
  awsError("SCALE_UP", { openShardCount: 1, targetShardCount: 4 }),
  awsError("ON_DEMAND_REFUSED", { stream: "s", accountId: "0" }),
  awsError("RETENTION_NOT_INCREASED", { stream: "s", hours: 24, currentHours: 48 }),
])("$code by what is known is said once more by what is new", async (refusal) => {
  const { metadata, fresh } = lagging();
  const served = fresh.again(refusal, "UpdateShardCount", metadata.version, () => Promise.resolve("done"));
  expect(await served).toBe("done");
});

test("what no news changes is refused at once", async () => {
  const { metadata, fresh } = lagging();
  const refusal = awsError("NOT_ADJACENT", { shardId: "a", adjacentShardId: "b", stream: "s", accountId: "0" });
  const refused = fresh.again(refusal, "MergeShards", metadata.version, () => Promise.reject(new Error("asked again")));
  await expect(refused).rejects.toBeInstanceOf(AwsError);
  expect(metadata.version).toBe(1);
});
