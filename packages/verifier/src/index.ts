export { Check, type Counts, type ViolationKind } from "./check.ts";
export { clientFor, type Target } from "./client.ts";
export { follow, type Following, readShard, shardIds, type StoredRecord } from "./read.ts";
export { Ledger } from "./ledger.ts";
export { createStream, deleteStream } from "./streams.ts";
export { type Outage, reportLines, runVerifier, type VerifierOptions, type VerifierReport } from "./verify.ts";
