import type { ClusterMetadata } from "./metadata.ts";
import type { ControllerConnection, Watch } from "./types.ts";

/** Keeps a ClusterMetadata fed from the controllers until `close`. */
export class MetadataWatcher {
  readonly metadata: ClusterMetadata;
  readonly #watch: Watch;

  constructor(options: { controllers: ControllerConnection; metadata: ClusterMetadata }) {
    this.metadata = options.metadata;
    this.#watch = options.controllers.watch((update) => {
      this.metadata.apply(update);
    });
  }

  /** True once there is metadata to serve from. */
  get isReady(): boolean {
    return this.metadata.version > 0;
  }

  /** Resolves to true when the first metadata is there; to false when the time is over or the signal aborted first. */
  ready(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    return this.metadata.waitForVersion(1, timeoutMs, signal);
  }

  close(): void {
    this.#watch.close();
  }
}
