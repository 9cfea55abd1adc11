import type { InitializeCluster__Output } from "../command.ts";
import { type Decision, Refusal } from "./decision.ts";
import { checkTexts } from "./limits.ts";

/** AES-256. */
const TOKEN_KEY_SIZE_BYTES = 32;
const REPLICATION_FACTOR_MAX = 7;

/** Once in a cluster's life; a second one changes nothing. */
export const initializeCluster: Decision<InitializeCluster__Output> = (
  { state },
  { clusterId, tokenKey, settings },
) => {
  if (state.cluster !== undefined) return;
  checkTexts({ "cluster id": clusterId });
  if (tokenKey.length !== TOKEN_KEY_SIZE_BYTES) throw new Refusal("BAD_COMMAND", "a token key has 32 bytes");
  if ((settings?.replicationFactor ?? 0) > REPLICATION_FACTOR_MAX) {
    throw new Refusal("BAD_COMMAND", `at most ${REPLICATION_FACTOR_MAX} copies of a shard`);
  }
  state.setCluster({ clusterId, tokenKey: Buffer.from(tokenKey), settings, restoredGroupIdMax: 0 });
};
