import type { RaftHostStats } from "@millrace/multiraft";
import { ShardLogStatus } from "@millrace/proto";
import type { LogStore, SyncReport } from "@millrace/storage";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { BrokerNode } from "./node.ts";
import type { ServiceObserver } from "./service/shard-log-service.ts";

const SECONDS_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const STATUS_NAMES = Object.fromEntries(Object.entries(ShardLogStatus).map(([name, number]) => [number, name]));

export interface BrokerMetrics extends ServiceObserver {
  synced(report: SyncReport): void;
  /** Once both exist: what is read when it is scraped. */
  observe(node: BrokerNode, host: { stats(): RaftHostStats }, store: LogStore): void;
}

/** What a broker exports. Labels are bounded: there is none by stream or shard here. */
export function brokerMetrics(registry: Registry): BrokerMetrics {
  const registers = [registry];
  const appendDuration = new Histogram({
    name: "millrace_append_duration_seconds",
    help: "Admission until quorum fsync, at the leader. High: see millrace_journal_sync_duration_seconds, then the network.",
    buckets: SECONDS_BUCKETS,
    registers,
  });
  const appends = new Counter({
    name: "millrace_appends_total",
    help: "Batches answered, by outcome. `unknown` and `overloaded` should be rare.",
    labelNames: ["outcome"],
    registers,
  });
  const appendBytes = new Counter({ name: "millrace_append_bytes_total", help: "Bytes of batches stored.", registers });
  const reads = new Counter({
    name: "millrace_reads_total",
    help: "Pages answered, by outcome.",
    labelNames: ["outcome"],
    registers,
  });
  const readBytes = new Counter({ name: "millrace_read_bytes_total", help: "Bytes of pages sent.", registers });
  const syncDuration = new Histogram({
    name: "millrace_journal_sync_duration_seconds",
    help: "One write and fdatasync of the journal. High: the disk is slow or shared.",
    buckets: SECONDS_BUCKETS,
    registers,
  });
  const syncBytes = new Counter({
    name: "millrace_journal_bytes_total",
    help: "Bytes written to the journal.",
    registers,
  });
  return {
    appended: (status, sizeBytes, durationMs) => {
      appends.inc({ outcome: STATUS_NAMES[status] ?? "other" });
      if (status !== ShardLogStatus.ok) return;
      appendDuration.observe(durationMs / 1_000);
      appendBytes.inc(sizeBytes);
    },
    read: (status, sizeBytes) => {
      reads.inc({ outcome: STATUS_NAMES[status] ?? "other" });
      readBytes.inc(sizeBytes);
    },
    synced: ({ durationMs, bytes }) => {
      syncDuration.observe(durationMs / 1_000);
      syncBytes.inc(bytes);
    },
    observe: (node, host, store) => {
      const gauge = (name: string, help: string, value: () => number): void => {
        const made: Gauge = new Gauge({ name, help, registers, collect: (): void => made.set(value()) });
      };
      gauge("millrace_shards_hosted", "Replicas on this broker.", () => node.shardCount);
      gauge("millrace_shards_led", "Shards that this broker leads.", () => host.stats().leaders);
      gauge("millrace_groups_active", "Raft groups that are not quiet.", () => host.stats().activeGroups);
      gauge("millrace_elections_won", "Elections won here since the start.", () => host.stats().electionsWon);
      gauge(
        "millrace_entries_repaired",
        "Entries that this disk had lost and peers still had, since the start. More than none: look at the disk.",
        () => host.stats().entriesRepaired,
      );
      gauge("millrace_append_in_flight_bytes", "Batches admitted and not answered.", () => node.budget.usedBytes);
      gauge("millrace_journal_segments", "Files of the journal.", () => store.stats().segments);
      gauge("millrace_journal_size_bytes", "Size of the journal on disk.", () => store.stats().journalBytes);
      gauge("millrace_journal_queued_bytes", "Bytes that wait for the disk.", () => store.stats().queuedBytes);
      gauge("millrace_cache_bytes", "Entries held in memory for reads.", () => store.stats().cacheBytes);
      gauge("millrace_disk_free_bytes", "Free on the journal's disk.", () => store.stats().freeBytes);
      gauge("millrace_disk_full", "1 while puts are refused for lack of room.", () => Number(!store.canAppend()));
    },
  };
}
