import type { Clock, Disk, Timer } from "@millrace/util";

const REFRESH_INTERVAL_MS = 1_000;

export interface SpaceGuardOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly directory: string;
  readonly reservedBytes: number;
  /** Whenever the disk has said how much is free. */
  readonly onAnswer: (freeBytes: number) => void;
  /** The directory is not there any more: what is written to files that are open is gone when the process ends. */
  readonly onGone: (error: unknown) => void;
}

/** Foresees a full disk: what is free, as last asked, less what was taken since. */
export class SpaceGuard {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #directory: string;
  readonly #reservedBytes: number;
  readonly #onAnswer: (freeBytes: number) => void;
  readonly #onGone: (error: unknown) => void;
  #freeBytes: number;
  #takenBytes = 0;
  #timer: Timer | undefined;
  #refreshing: Promise<void> | undefined;
  #closed = false;

  private constructor(options: SpaceGuardOptions, freeBytes: number) {
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#directory = options.directory;
    this.#reservedBytes = options.reservedBytes;
    this.#onAnswer = options.onAnswer;
    this.#onGone = options.onGone;
    this.#freeBytes = freeBytes;
  }

  static async open(options: SpaceGuardOptions): Promise<SpaceGuard> {
    const guard = new SpaceGuard(options, await options.disk.freeBytes(options.directory));
    guard.#schedule();
    options.onAnswer(guard.#freeBytes);
    return guard;
  }

  get freeBytes(): number {
    return Math.max(0, this.#freeBytes - this.#takenBytes);
  }

  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  taken(sizeBytes: number): void {
    this.#takenBytes += sizeBytes;
  }

  /** Asks the disk now: after files were removed. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#ask().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#refreshing;
  }

  async #ask(): Promise<void> {
    const takenBefore = this.#takenBytes;
    try {
      this.#freeBytes = await this.#disk.freeBytes(this.#directory);
      // What was written while it answered may or may not be counted: stay on the safe side.
      this.#takenBytes -= takenBefore;
      this.#onAnswer(this.#freeBytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") this.#onGone(error);
      // Else nothing is known: what is free by the last answer keeps shrinking, and the next interval asks again.
    }
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimer(REFRESH_INTERVAL_MS, () => {
      if (this.#closed) return;
      void this.refresh().then(() => {
        if (!this.#closed) this.#schedule();
      });
    });
  }
}
