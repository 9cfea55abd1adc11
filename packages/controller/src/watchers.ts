import type { MetadataUpdate, WatchRequest__Output } from "./protocol.ts";
import type { Failpoint } from "@millrace/util";
import type { Changes, ClusterState } from "./state/cluster-state.ts";

/** Where updates go; false means: full, wait for `drained`. */
export interface WatchSink {
  write(update: MetadataUpdate): boolean;
}

interface Watcher {
  readonly sink: WatchSink;
  sentVersion: number;
  isFull: boolean;
}

/** Deltas kept for watchers that come back or lag; whoever is further behind gets everything. */
const HISTORY_MAX = 1_000;

/** Everybody who follows the metadata. A slow one holds back nobody and costs one version number. */
export class Watchers {
  readonly #state: () => ClusterState;
  readonly #failpoint: Failpoint | undefined;
  readonly #watchers = new Set<Watcher>();
  /** Consecutive versions, the newest last. */
  #history: MetadataUpdate[] = [];

  constructor(state: () => ClusterState, failpoint?: Failpoint) {
    this.#state = state;
    this.#failpoint = failpoint;
  }

  get count(): number {
    return this.#watchers.size;
  }

  add(request: WatchRequest__Output, sink: WatchSink): { drained(): void; close(): void } {
    const { clusterId } = request;
    const isOurs = clusterId === "" || clusterId === (this.#state().cluster?.clusterId ?? "");
    const watcher = { sink, sentVersion: isOurs ? request.knownVersion : 0, isFull: false };
    this.#watchers.add(watcher);
    // A replica that lags behind what the watcher knows has nothing to say yet, but is alive.
    if (watcher.sentVersion >= this.#state().version) this.#write(watcher, emptyUpdate(this.#state().version));
    this.#catchUp(watcher);
    return {
      drained: () => {
        watcher.isFull = false;
        this.#catchUp(watcher);
      },
      close: () => this.#watchers.delete(watcher),
    };
  }

  changed(changes: Changes): void {
    const state = this.#state();
    const streams = [...changes.streamIds].flatMap((streamId) => state.streams.get(streamId) ?? []);
    this.#history.push({
      version: state.version,
      full: false,
      streams,
      removedStreamIds: [...changes.removedStreamIds],
      brokers: changes.brokers ? [...state.brokers.values()] : [],
      brokersChanged: changes.brokers,
      cluster: state.cluster ?? null,
    });
    if (this.#history.length > HISTORY_MAX) this.#history.shift();
    for (const watcher of this.#watchers) this.#catchUp(watcher);
  }

  /** The state was replaced: deltas lead nowhere any more. */
  reset(): void {
    this.#history = [];
    for (const watcher of this.#watchers) this.#catchUp(watcher);
  }

  #catchUp(watcher: Watcher): void {
    const state = this.#state();
    while (!watcher.isFull && watcher.sentVersion < state.version) {
      const first = this.#history[0]?.version;
      const isKept = first !== undefined && watcher.sentVersion > 0 && watcher.sentVersion + 1 >= (first as number);
      const update = isKept ? this.#history[watcher.sentVersion + 1 - (first as number)] : fullUpdate(state);
      this.#write(watcher, update ?? fullUpdate(state));
    }
  }

  #write(watcher: Watcher, update: MetadataUpdate): void {
    watcher.sentVersion = Math.max(watcher.sentVersion, update.version as number);
    this.#failpoint?.("controller.before-watch-update");
    watcher.isFull = !watcher.sink.write(update);
    this.#failpoint?.("controller.after-watch-update");
  }
}

function fullUpdate(state: ClusterState): MetadataUpdate {
  return {
    version: state.version,
    full: true,
    streams: [...state.streams.values()],
    brokers: [...state.brokers.values()],
    brokersChanged: true,
    cluster: state.cluster ?? null,
  };
}

function emptyUpdate(version: number): MetadataUpdate {
  return { version, full: false };
}
