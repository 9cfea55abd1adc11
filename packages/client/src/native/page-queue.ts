import type { RecordPage } from "./shard-reader.ts";

export interface QueuedPage<P extends RecordPage = RecordPage> {
  readonly page: P;
  readonly sizeBytes: number;
  readonly taken: () => void;
  /** To be called when the reader has no more to do with it. */
  readonly finished: () => void;
}

/** Both resolve too when the page will never be read, or not to its end. */
export interface PagePromises {
  readonly taken: Promise<void>;
  readonly finished: Promise<void>;
}

/**
 * Pages of many shards on their way to one reader, in order of arrival. A shard has one page here at a time, and gets the
 * next one only while there is room: so the bound is exceeded by one page a shard at most.
 */
export class PageQueue<P extends RecordPage = RecordPage> {
  readonly #limitBytes: number;
  #pages: QueuedPage<P>[] = [];
  #sizeBytes = 0;
  /** The reader has it. */
  #current: QueuedPage<P> | undefined;
  #wakeReader: (() => void) | undefined;
  readonly #awaitingRoom: (() => void)[] = [];
  #error: { readonly reason: unknown } | undefined;
  #isEnded = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Resolves when another page may be fetched. */
  room(): Promise<void> {
    if (this.#sizeBytes < this.#limitBytes || this.#isEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.#awaitingRoom.push(resolve);
    });
  }

  push(page: P): PagePromises {
    if (this.#isEnded) return { taken: DONE, finished: DONE };
    let sizeBytes = 0;
    for (const { data } of page.records) sizeBytes += data.length;
    this.#sizeBytes += sizeBytes;
    let finished: Promise<void> = DONE;
    const taken = new Promise<void>((resolveTaken) => {
      finished = new Promise((resolveFinished) => {
        this.#pages.push({ page, sizeBytes, taken: resolveTaken, finished: resolveFinished });
      });
    });
    this.#wake();
    return { taken, finished };
  }

  /** The next page; undefined when no more follow. One reader. @throws what `fail` was given */
  async next(): Promise<QueuedPage<P> | undefined> {
    for (;;) {
      const first = this.#pages.shift();
      if (first !== undefined) {
        this.#leave(first);
        return first;
      }
      if (this.#error !== undefined) throw this.#error.reason;
      if (this.#isEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /**
   * One after another until no more follow; each is finished when the next one is asked for, and not by a reader that breaks off, who may
   * be in the middle of it. One reader. @throws what `fail` was given
   */
  async *pages(): AsyncGenerator<P, void, void> {
    for (;;) {
      const queued = await this.next();
      if (queued === undefined) return;
      this.#current = queued;
      yield queued.page;
      this.#current = undefined;
      queued.finished();
    }
  }

  /** Some of them will not be read. */
  drop(isDropped: (page: P) => boolean): void {
    const dropped = this.#pages.filter(({ page }) => isDropped(page));
    this.#pages = this.#pages.filter(({ page }) => !isDropped(page));
    for (const queued of dropped) {
      this.#leave(queued);
      queued.finished();
    }
  }

  /** No more pages follow; those that are here are still handed out. */
  end(): void {
    this.#isEnded = true;
    this.#wake();
    for (const proceed of this.#awaitingRoom.splice(0)) proceed();
  }

  fail(reason: unknown): void {
    this.#error ??= { reason };
    this.end();
  }

  /** Nobody reads any more. */
  discard(): void {
    for (const { taken, finished } of this.#pages) {
      taken();
      finished();
    }
    this.#pages = [];
    this.#sizeBytes = 0;
    this.#current?.finished();
    this.end();
  }

  #leave({ sizeBytes, taken }: QueuedPage<P>): void {
    this.#sizeBytes -= sizeBytes;
    taken();
    while (this.#sizeBytes < this.#limitBytes && this.#awaitingRoom.length > 0) this.#awaitingRoom.shift()?.();
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }
}

const DONE = Promise.resolve();
