import type { ClusterMetadata } from "@millrace/client";
import type { MetadataUpdate, Stream } from "@millrace/proto";
import { errorMessage, type Logger, type Timer, type World } from "@millrace/util";
import { saveMetadata } from "./metadata-file.ts";

export interface MetadataSaverOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly dataDir: string;
  readonly metadata: ClusterMetadata;
}

const SAVE_AFTER_MS = 500;

/** Keeps on the disk what a broker knows of the cluster, some moments late: what it serves from while no controller answers. */
export class MetadataSaver {
  readonly #options: MetadataSaverOptions;
  #timer: Timer | undefined;
  #saving: Promise<void> | undefined;
  /** Something has changed since what is being saved was put together. */
  #isUnsaved = false;
  #isClosed = false;

  constructor(options: MetadataSaverOptions) {
    this.#options = options;
  }

  /** Changes until then are saved together. */
  soon(): void {
    this.#isUnsaved = true;
    if (this.#saving !== undefined || this.#isClosed) return;
    this.#timer ??= this.#options.world.clock.setTimer(SAVE_AFTER_MS, () => {
      this.#timer = undefined;
      this.#saving = this.#save().finally(() => {
        this.#saving = undefined;
        if (this.#isUnsaved) this.soon();
      });
    });
  }

  /** One at a time, however slow the disk: two would write the same file. */
  async #save(): Promise<void> {
    const { world, dataDir, logger } = this.#options;
    const { disk, failpoint } = world;
    this.#isUnsaved = false;
    try {
      failpoint?.("broker.before-save-metadata");
      await saveMetadata(disk, dataDir, this.#wholeMetadata());
      failpoint?.("broker.after-save-metadata");
    } catch (error) {
      logger.warn({ error: errorMessage(error) }, "metadata not saved: a restart without controllers would not serve");
    }
  }

  #wholeMetadata(): MetadataUpdate {
    const { metadata } = this.#options;
    return {
      version: metadata.version,
      full: true,
      streams: [...metadata.allStreams()].map(({ stream }): Stream => stream),
      brokers: [...metadata.brokers],
      brokersChanged: true,
      cluster: metadata.identity ?? null,
    };
  }

  /** Saves what is not saved yet, and resolves when nothing is written any more: whoever opens the folder next writes the same file. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#saving;
    if (this.#isUnsaved) await this.#save();
  }
}
