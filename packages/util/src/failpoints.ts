/**
 * Named places in the code where a process may be made to die: before and after every step that is made to last, and between the
 * steps that only together are one. In production nobody listens; a simulation lets processes die there, and so does a process
 * that is told to (`failpointFromEnvironment`). packages/docs/failpoints.md is made of this list.
 */
export interface FailpointPlace {
  /** Below packages/. */
  readonly file: string;
  /** What is done, and what is not yet, when it is passed. */
  readonly state: string;
}

const at =
  (file: string) =>
  (state: string): FailpointPlace => ({ file, state });

const writer = at("storage/src/journal/writer.ts");
const recovery = at("storage/src/journal/recovery.ts");
const store = at("storage/src/journal-log-store.ts");
const reclaim = at("storage/src/reclaim.ts");
const ballast = at("storage/src/ballast.ts");
const group = at("multiraft/src/group.ts");
const host = at("multiraft/src/host.ts");
const joining = at("multiraft/src/joining.ts");
const controller = at("controller/src/node.ts");
const watchers = at("controller/src/watchers.ts");
const command = at("controller/src/command-failpoints.ts");
const launch = at("broker/src/launch.ts");
const openStore = at("broker/src/open-store.ts");
const saver = at("broker/src/metadata-saver.ts");
const broker = at("broker/src/node.ts");
const move = at("broker/src/replica-moves.ts");
const shard = at("broker/src/shard/shard-log.ts");
const appender = at("broker/src/shard/appender.ts");
const put = at("gateway/src/records/put-records.ts");

export const FAILPOINTS = {
  "journal.before-write": writer("A write group is encoded; none of it is in the file."),
  "journal.after-write": writer("The write group is in the file, and not synced."),
  "journal.after-sync": writer("The write group is synced; nobody in the process knows yet."),
  "journal.before-acknowledge": writer("The write group is synced and counted; nobody who waits for it was told."),
  "journal.after-acknowledge": writer("Everybody who waited for the write group was told; it is not in the index."),
  "segment.before-create": writer("The segment is full, or the store opens; the next one's file is not there."),
  "segment.after-create": writer("The next segment's file is there and empty."),
  "segment.after-table": writer("The next segment's table is synced; the directory is not."),
  "segment.after-directory-sync": writer("The next segment is durable, its name too; nothing is written to it yet."),
  "segment.before-close": writer("The next segment is in use; the one before is still open."),
  "index.before-apply": writer("A durable write group is about to be put into the index."),
  "index.before-commit": writer("The index's batch is made, and not committed."),
  "index.after-commit": writer("The index has the write group; entries of it are still counted as cached only."),
  "index.before-save-checkpoint": store("A state machine's checkpoint is made, and not in the index."),
  "index.after-save-checkpoint": store("The checkpoint is in the index."),
  "log.before-truncate-suffix": store("A leader's entries are about to take the place of others at their indexes."),
  "log.before-truncate-prefix": group("The group has forgotten a log's beginning; the journal was not told."),
  "log.after-truncate-prefix": group("The truncation of a log's beginning is durable."),
  "repair.before-rewrite": store("A peer has sent an entry that is unreadable here; it is not written yet."),
  "repair.after-rewrite": store("The entry that was unreadable is durable again."),
  "recovery.before-cut-tail": recovery("A torn write group is found at the journal's end, and still there."),
  "recovery.after-cut-tail": recovery("The torn write group is cut off, durably."),
  "recovery.before-rewrite-tail": recovery("The newest write group was read, perhaps from the page cache only."),
  "recovery.after-rewrite-tail": recovery("The newest write group is written again, and durable."),
  "recovery.before-remove-empty": recovery("A segment without a whole write group is found, and still there."),
  "recovery.done": recovery("The journal is read and the index complete; nothing is written yet."),
  "reclaim.before-remove-segment": reclaim("Nothing lives in a segment; its file is still there."),
  "reclaim.after-remove-segment": reclaim("The dead segment's file is removed, perhaps not durably."),
  "reclaim.before-copy-entries": reclaim("Entries of a nearly dead segment are read, to be written again."),
  "reclaim.before-copy-truncation": reclaim(
    "A truncation record of a nearly dead segment is read, to be written again.",
  ),
  "reclaim.after-copy": reclaim("What was read of a nearly dead segment is durable in another one."),
  "ballast.before-fill": ballast("There is room for the ballast, and no file."),
  "ballast.after-fill": ballast("The ballast is written, and not closed."),
  "raft.before-save-vote": host("A term, a vote or a commit index is about to go to the journal."),
  "raft.after-save-vote": group("The term and the vote are durable; nobody has heard of it."),
  "raft.before-save-entries": host("New entries are about to go to the journal."),
  "raft.after-save-entries": group(
    "The entries are durable; neither this leader has counted them nor its leader heard.",
  ),
  "raft.after-answer": group("What had to be durable first is said; this replica has not counted it itself."),
  "raft.after-commit-advance": group("Entries are known to be committed, and not applied."),
  "raft.before-apply": group("Committed entries are read, and not applied."),
  "raft.after-apply": group("The state machine has applied entries; no checkpoint has them."),
  "raft.after-joint-membership": group("A joint membership is applied: both majorities decide."),
  "raft.after-final-membership": group("A membership that is not joint is applied."),
  "raft.before-propose-membership": group("Another membership is about to be proposed."),
  "raft.before-hand-over": group("A leader is about to hand over to another replica."),
  "raft.leadership-gained": group(
    "This replica leads, and everything before its term is applied; it takes no proposals yet.",
  ),
  "raft.leadership-lost": group("This replica leads no more; who waits for proposals was not told."),
  "raft.before-send-snapshot": group("A follower lacks what the log has forgotten; the snapshot is not sent."),
  "raft.before-install-snapshot": group("A snapshot has arrived; the state machine has the old state."),
  "raft.after-install-snapshot": group("The state machine has the snapshot's state; the disk has the old log."),
  "raft.after-save-snapshot": group("The snapshot is durable; the leader has not heard of it."),
  "raft.before-note-joining": joining("A replica that joins a group has nothing of it on the disk."),
  "raft.after-note-joining": joining("The disk knows that the replica has no vote until its log gives it one."),
  "raft.before-forget-group": host("A group is closed here; its log is still on the disk."),
  "raft.after-forget-group": host("The deletion of the group's log is durable."),
  "controller.before-propose": controller("A command is encoded, and not proposed."),
  "controller.after-propose": controller("A command is proposed; nobody waits for it yet."),
  "controller.before-apply": controller("A command is committed, and not applied."),
  "controller.after-answer": controller("A command is applied, and whoever waited for it was answered."),
  "controller.before-checkpoint": controller("The state is about to be encoded."),
  "controller.after-restore": controller("The state is restored, from the disk or from a snapshot; no watcher knows."),
  "controller.before-lead": controller("This controller leads, and has decided nothing."),
  "controller.after-heartbeat": controller("A broker's report is noted, and nothing done about it."),
  "controller.before-watch-update": watchers("The metadata has changed; a watcher was not told."),
  "controller.after-watch-update": watchers("A watcher was told of the change; the next one was not."),
  "controller.after-initialize": command("The cluster has its identity; nobody was told."),
  "controller.after-register-broker": command("A broker is registered, and does not know it."),
  "controller.after-create-stream": command("A stream is there, and has no leaders."),
  "controller.after-activate-stream": command("A stream is active; nobody was told."),
  "controller.after-set-broker-state": command("A broker counts as up, down or draining; nobody was told."),
  "controller.after-begin-reshard": command("A reshard's children are placed, and hosted nowhere."),
  "controller.after-request-close": command("The parents are to be closed; their leaders do not know it."),
  "controller.after-complete-reshard": command("The children have taken the parents' place; nobody was told."),
  "controller.after-begin-move": command("A replica is to move; no broker knows it."),
  "controller.after-complete-move": command("A replica has moved; the one that left does not know it."),
  "controller.after-replica-dropped": command("What a broker left is known to be gone from its disk."),
  "broker.before-register": launch("The broker is about to say who it is."),
  "broker.after-register": launch("The controllers know this broker; its disk does not know it."),
  "broker.before-save-identity": launch("The broker was given its incarnation; it is not saved."),
  "broker.after-save-identity": launch("The broker's identity is durable; it hosts nothing."),
  "broker.before-save-metadata": saver("Newer metadata is known than the disk has."),
  "broker.after-save-metadata": saver("The metadata is durable."),
  "broker.before-open-shard": broker("A replica is to be hosted, and is not open."),
  "broker.after-open-shard": broker("A replica is being opened."),
  "broker.before-drop-shard": broker("A replica is not wanted any more, and still there."),
  "broker.after-drop-shard": broker("A replica is gone from the disk; the controllers do not know it."),
  "broker.before-close-parent": broker("A parent shard's end is about to be proposed."),
  "broker.after-close-parent": broker("A parent shard's end is applied; the controllers do not know it."),
  "broker.before-heartbeat": broker("A report is made, and not sent."),
  "broker.after-heartbeat": broker("The controllers have answered the report; nothing is done about the answer."),
  "move.after-propose-learner": move("A replica that joins is proposed as a learner."),
  "move.after-propose-swap": move("The joint step from the replica that leaves to the one that joins is proposed."),
  "move.after-hand-over": move("A leader that is to leave has begun to hand over."),
  "shard.before-checkpoint": shard("A shard's state, with the batches it remembers, is about to be encoded."),
  "shard.after-restore": shard("A shard's state is restored, from the disk or from a snapshot."),
  "retention.before-propose": shard("Records are too old, and nobody has been told to forget them."),
  "retention.before-truncate": shard("Records are forgotten; their log entries are still there."),
  "append.admitted": appender("A batch is admitted, and not proposed."),
  "append.before-propose": appender("Batches have their offsets and time, and are not proposed."),
  "append.after-propose": appender("Batches are proposed."),
  "append.before-acknowledge": appender("A batch's fate is known; nobody was told."),
  "append.after-acknowledge": appender("Everybody who waits for a batch was told."),
  "append.before-answer-repetition": appender("A batch is stored already, and whoever repeats it not told."),
  "put.before-append": put("A gateway has packed a shard's batch, and not sent it."),
  "put.after-append": put("A shard has stored its batch; the client knows nothing."),
  "put.before-answer": put("Every shard has answered; the client knows nothing."),
  "put.before-ask-closed-shard": put("A put is repeated; a closed shard is to say whether it has stored it."),
  "put.shard-closed": put("A shard was closed before the batch came; its children are not known yet."),
  "put.before-append-to-child": put("The children of a closed shard are known; the batch is not sent to them."),
  "set-aside.before-identity": openStore("The journal cannot be trusted; nothing was moved."),
  "set-aside.before-journal": openStore("The broker has given up its name; the journal is still in its place."),
  "set-aside.after-journal": openStore("The journal is set aside; the empty one is not made."),
} as const satisfies Record<string, FailpointPlace>;

export type FailpointName = keyof typeof FAILPOINTS;

export const FAILPOINT_NAMES = Object.keys(FAILPOINTS) as FailpointName[];

/** Called at each place that is passed. It may end the process, and nothing else. */
export type Failpoint = (name: FailpointName) => void;
