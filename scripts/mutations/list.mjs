/** A replacement that is not there, or there twice, is an error of this list. @returns the broken source */
export function mutate(source, { name, file, find, replace }) {
  const count = source.split(find).length - 1;
  if (count !== 1) throw new Error(`"${name}" finds its place in ${file} ${count} times`);
  return source.replace(find, () => replace);
}

/**
 * Bugs to plant, one at a time: each breaks one rule that the promises stand on. `find` is there exactly once in the built file.
 * What the simulation does not notice in any of them, it would not notice in a real one. `scenario`: one of the simulation's scripted
 * lives, for a bug that needs more to happen one after another than random lives bring about soon.
 */
export const MUTATIONS = [
  // Raft
  {
    name: "an old term's entry is committed by counting",
    file: "raft/dist/leadership.js",
    find: "if (index <= commitIndex || log.termAt(index) !== term)",
    replace: "if (index <= commitIndex)",
  },
  {
    name: "the leader counts itself before its disk has the entry",
    file: "raft/dist/leadership.js",
    find: "nodeId === config.id ? log.persistedIndex :",
    replace: "nodeId === config.id ? log.lastIndex :",
  },
  {
    name: "a follower acknowledges before its disk has the entry",
    file: "raft/dist/outbox.js",
    find: "this.sendAfterSync({",
    replace: "this.send({",
  },
  {
    name: "one replica of three is a majority",
    file: "raft/dist/quorum.js",
    find: "return count * 2 > voters.length;",
    replace: "return count >= 1;",
  },
  {
    name: "a vote is given before it is on disk",
    file: "raft/dist/outbox.js",
    find: 'this[granted ? "sendAfterSync" : "send"]',
    replace: "this.send",
  },
  {
    name: "the vote is forgotten at a restart",
    file: "raft/dist/core.js",
    find: "this.#votedFor = hardState.votedFor;",
    replace: "this.#votedFor = undefined;",
  },
  {
    name: "a replica votes for everybody who asks",
    file: "raft/dist/core.js",
    find: ": this.#votedFor === from || (this.#votedFor === undefined && this.#leaderId === undefined);",
    replace: ": true;",
  },
  {
    name: "who joins a group votes before its log says that it is a member",
    scenario: "a replica returns empty, and is asked for its vote by one that lags behind",
    file: "raft/dist/core.js",
    find: "const isGranted = canVote && this.#history.mayVote(this.id) && ",
    replace: "const isGranted = canVote && ",
  },
  {
    name: "any membership of its past lets a joiner vote",
    scenario:
      "a replica returns empty, is filled past its first stay, and is asked for its vote by one that lags behind",
    file: "raft/dist/membership.js",
    find: "if (joinId > 0)",
    replace: "if (joinId < 0)",
  },
  {
    name: "who joins a group again listens to leaders of its past",
    scenario: "a replica returns empty, and hears the leader of before it left",
    file: "multiraft/dist/joining.js",
    find: "const hardState = { term: termMin,",
    replace: "const hardState = { term: 0,",
  },
  {
    name: "a candidate with a shorter log gets the vote",
    file: "raft/dist/core.js",
    find: "this.#history.mayVote(this.id) && this.#log.isUpToDate(lastIndex, lastTerm) && !goesFirst",
    replace: "this.#history.mayVote(this.id) && !goesFirst",
  },
  {
    name: "entries of another leader are kept when they should be replaced",
    file: "raft/dist/core.js",
    find: "if (this.#log.holds(entry.index, entry.term))\n            return;",
    replace: "if (entry.index <= this.#log.lastIndex)\n            return;",
  },
  {
    name: "a follower commits what it has not compared with the leader's log",
    file: "raft/dist/core.js",
    find: "this.#commitTo(Math.min(message.commitIndex, lastNewIndex));",
    replace: "this.#commitTo(Math.min(message.commitIndex, this.#log.lastIndex));",
  },
  {
    name: "a heartbeat commits what the follower is not known to have",
    file: "raft/dist/leadership.js",
    find: "commitIndex: Math.min(matchIndex, commitIndex),",
    replace: "commitIndex,",
  },
  {
    name: "entries are taken without a look at the one before them",
    file: "raft/dist/core.js",
    find: "if (!this.#log.holds(prevIndex, prevTerm)) {",
    replace: "if (prevIndex > this.#log.lastIndex) {",
  },
  {
    name: "a read is confirmed by nobody",
    file: "raft/dist/leadership.js",
    find: "if (!isConfirmed)\n            return;",
    replace: "",
  },
  // Storage
  {
    name: "the journal is not synced",
    file: "storage/dist/journal/writer.js",
    find: 'after-write");\n        await file.datasync();',
    replace: 'after-write");',
  },
  {
    name: "a failed sync is ignored",
    file: "storage/dist/journal/writer.js",
    find: 'after-write");\n        await file.datasync();',
    replace: 'after-write");\n        await file.datasync().catch(() => undefined);',
  },
  {
    name: "the checksum of a write group's header is not looked at",
    scenario: "a bit turns in a write group's header, and the broker is started again",
    file: "storage/dist/journal/write-group.js",
    find: "return crc32c(source.subarray(offsetBytes, offsetBytes + 40)) === source.readUInt32LE(offsetBytes + 40);",
    replace: "return true;",
  },
  {
    name: "the checksum of an entry is not looked at",
    file: "storage/dist/journal/frame.js",
    find: "return crc === source.readUInt32LE(offsetBytes + 4) ? sizeBytes : undefined;",
    replace: "return sizeBytes;",
  },
  // Broker
  {
    name: "a repeated batch is not recognised",
    file: "broker/dist/shard/appender.js",
    find: "const stored = this.#state().dedup.get(batchId);\n        if (stored !== undefined) {",
    replace: "const stored = undefined;\n        if (stored !== undefined) {",
  },
  {
    name: "the table of batches is not part of the state",
    scenario: "puts are repeated late: every broker was started again",
    file: "broker/dist/shard/shard-state.js",
    find: "return Buffer.concat([header, this.dedup.encode(nextOffset)]);",
    replace: "return header;",
  },
  {
    name: "the table of batches forgets by the wall clock",
    scenario: "puts are repeated late: all clocks were set forward by half an hour",
    file: "broker/dist/shard/dedup-table.js",
    find: "Math.min(DEDUP_STEP_MS_MAX, batch.arrivalTimeMs - arrivalTimeMs)",
    replace: "batch.arrivalTimeMs - arrivalTimeMs",
  },
  {
    name: "what was proposed by a deposed leader counts as stored",
    file: "broker/dist/shard/appender.js",
    find: "this.#answer(queued, undefined);\n        this.#drop(ShardLogStatus.notLeader);",
    replace:
      "this.#answer(queued, { baseOffset: this.#state().nextOffset, arrivalTimeMs: this.#lastArrivalTimeMs, recordCount: queued.recordCount });\n        this.#drop(ShardLogStatus.notLeader);",
  },
  {
    name: "a batch is acknowledged when it is proposed",
    file: "broker/dist/shard/appender.js",
    find: "this.#proposed.push({ index: proposal.index, term: proposal.term, batches, sizeBytes });",
    replace:
      "let first = offset; for (const each of batches) first -= each.recordCount; for (const each of batches) { this.#settle(each, ShardLogStatus.ok, encodeAppendResult({ baseOffset: first, arrivalTimeMs, recordCount: each.recordCount })); first += each.recordCount; }",
  },
  {
    name: "a leader serves reads without a proof that it still leads",
    scenario: "a deposed leader wakes up with a gateway that knows no better",
    file: "broker/dist/shard/leadership-proof.js",
    find: "if (this.#clock.monotonicMs() - this.#provenAtMs <= READ_STALENESS_MS_MAX)",
    replace: "if (true)",
  },
  {
    name: "arrival times follow the wall clock back",
    file: "broker/dist/shard/appender.js",
    find: "return Math.max(nowMs, this.#lastArrivalTimeMs);",
    replace: "return nowMs;",
  },
  {
    name: "records expire by the retention that was known before a restart",
    scenario: "retention is lengthened while all brokers are down, and they hear of it late",
    file: "broker/dist/node.js",
    find: "if (!this.#clock.isConfirmed || !this.#isCurrent)",
    replace: "if (!this.#clock.isConfirmed)",
  },
  {
    name: "a leader changes members by a placement that was overtaken",
    scenario: "a leader has heard nothing of the controllers since before a replica moved",
    file: "broker/dist/replica-moves.js",
    find: "if (!isRestored && isOvertaken(membership, shard))",
    replace: "if (false)",
  },
  // Client and gateway
  {
    name: "any replica's answer counts as the leader's",
    file: "client/dist/router.js",
    find: "isCurrent: !call.isAnyReplica",
    replace: "isCurrent: true",
  },
  {
    name: "a repeated request is a new one",
    file: "gateway/dist/records/put-plan.js",
    find: "if (invocationId === undefined)\n        return random.bytes(32);",
    replace: "return random.bytes(32);",
  },
  {
    name: "a request that is repeated after a reshard does not ask the closed shards",
    scenario: "puts are repeated late: every shard was split",
    file: "gateway/dist/records/put-records.js",
    find: "this.#isRepetition ? await this.#settle(view, positions) : positions",
    replace: "positions",
  },
  {
    name: "a repeated request is not looked for in shards that its gateway learns of while it is under way",
    scenario: "puts are repeated late: by way of a gateway that does not know of two reshards yet",
    file: "gateway/dist/records/put-records.js",
    find: "this.#isRepetition ? await this.#settle(view, positions) : positions",
    replace: "this.#isRepetition && reroutes === 0 ? await this.#settle(view, positions) : positions",
  },
  {
    name: "a clock that is set forward hides from a repeated request the shards that were closed before",
    scenario:
      "puts are repeated late: shards were split, all clocks set forward by half an hour, and shards split again",
    file: "gateway/dist/records/closed-lately.js",
    find: "Math.min(STEP_S_MAX, fromS - closedAtS)",
    replace: "fromS - closedAtS",
  },
  {
    name: "the earlier of two clocks that disagree is believed",
    scenario: "a zone's clocks are a month slow, while a broker of another zone is away",
    file: "controller/dist/liveness.js",
    find: "return last - first <= CLOCKS_AGREE_WITHIN_MS ? first : 0;",
    replace: "return first;",
  },
  {
    name: "a clock that nobody has confirmed is believed, where a shard's time is not known yet",
    scenario:
      "a zone's clocks are a month slow, and its broker starts again without controllers, knowing of half a reshard",
    file: "broker/dist/shard/appender.js",
    find: "Math.max(this.#clock.nowMs(), this.#createdAtMs())",
    replace: "this.#clock.nowMs()",
  },
  {
    name: "brokers are told what holds by a controller that does not know whether it leads",
    scenario:
      "the controllers' leader stands still, and wakes up for a broker that has forgotten what the next one decided",
    file: "controller/dist/node.js",
    find: "await this.#group.readBarrier(signal);\n        return {\n            registered:",
    replace: "return {\n            registered:",
  },
  {
    name: "an append whose outcome is unknown is sent to the next shard",
    scenario: "the answers to appends do not arrive, and their shards are split",
    file: "gateway/dist/records/put-records.js",
    find: "if (error instanceof ShardClosed && reroutes < REROUTES_MAX)",
    replace: "if ((error instanceof ShardClosed || error instanceof AppendOutcomeUnknown) && reroutes < REROUTES_MAX)",
  },
  {
    name: "what stands beside records of which nobody knows is put again as another batch",
    scenario: "puts are repeated late: shards were merged and split again, and some of the first ones cannot be asked",
    file: "gateway/dist/records/put-records.js",
    find: "if (this.#unknown.length === 0 || ",
    replace: "if (true || ",
  },
  {
    name: "a worker of a consumer group goes on after its lease",
    scenario: "workers of a consumer group are killed and cut off, controllers too, and the stream is resharded",
    file: "client/dist/native/groups/held-lease.js",
    find: "return !this.#isGone && nowMs < this.#validUntilMs;",
    replace: "return !this.#isGone;",
  },
  {
    name: "children are read before the group is done with their parents",
    file: "client/dist/native/groups/lease-plan.js",
    find: "leases.get(parent)?.done === true",
    replace: "true",
  },
  {
    name: "the next page begins one record too late",
    file: "gateway/dist/records/collect-records.js",
    find: "nextOffset = record.offset + 1;",
    replace: "nextOffset = record.offset + (records.length >= 20 ? 2 : 1);",
  },
  {
    name: "a gateway refuses by what it knows",
    file: "gateway/dist/gateway.js",
    find: "return await this.#fresh.again(error, request.operation, version, respond);",
    replace: "throw error;",
  },
  // Controller
  {
    name: "what a leader said of the last move completes the next one",
    file: "controller/dist/reconcilers/replica-moves.js",
    find: "report === undefined || report.version < placedVersion",
    replace: "report === undefined",
  },
  {
    name: "a report of a move completes its cancellation",
    scenario: "a move is cancelled while its leader says that it has finished it, and another replica's disk is lost",
    file: "controller/dist/decisions/move-replica.js",
    find: "placedVersion !== 0 && placedVersion !== shard.placedVersion",
    replace: "false",
  },
  {
    name: "a cancelled move ends before its leader has gone back",
    scenario: "a move is cancelled while its leader says that it has finished it, and another replica's disk is lost",
    file: "controller/dist/decisions/move-replica.js",
    find: 'putShard(state, { ...shard, leaving: "", joinId: 0 });',
    replace:
      'putShard(state, { ...shard, joining: "", leaving: "", joinId: 0, left: withLeft(state, shard, joining) });',
  },
  {
    name: "children are made with their parents' creation time",
    file: "controller/dist/decisions/reshard.js",
    find: "createdAtS: closedAtS + 1 }",
    replace: "createdAtS: closedAtS - 3_600 }",
  },
  {
    name: "children open before their parents are closed",
    file: "controller/dist/reconcilers/resharding.js",
    find: "!parents.has(number) || closed.has(groupId)",
    replace: "true",
  },
  {
    name: "a parent's end follows a clock that is set back",
    file: "controller/dist/decisions/reshard.js",
    find: "Math.max(Math.floor(nowMs / 1_000), newestS)",
    replace: "Math.floor(nowMs / 1_000)",
  },
];
