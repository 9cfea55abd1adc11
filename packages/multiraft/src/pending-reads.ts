import type { ReadState } from "@millrace/raft";

interface PendingRead {
  readIndex: number | undefined;
  resolve(): void;
  reject(error: Error): void;
}

/** Reads of one group that wait until its leader is known to lead still, and what was committed then is applied here. */
export class PendingReads {
  readonly #reads = new Map<number, PendingRead>();
  #nextId = 1;

  /** @param ask gets the read's number. False: it cannot be asked for, and `refusal` says why. */
  add(ask: (requestId: number) => boolean, refusal: () => Error, signal: AbortSignal): Promise<void> {
    const requestId = this.#nextId++;
    return new Promise((resolve, reject) => {
      if (signal.aborted || !ask(requestId)) {
        reject(signal.aborted ? (signal.reason as Error) : refusal());
        return;
      }
      const onAbort = (): void => this.settle(requestId, signal.reason as Error);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#reads.set(requestId, {
        readIndex: undefined,
        resolve: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
        reject: (error) => {
          signal.removeEventListener("abort", onAbort);
          reject(error);
        },
      });
    });
  }

  /** From here on it only waits for the entries. */
  confirmed({ requestId, readIndex }: ReadState): void {
    const read = this.#reads.get(requestId);
    if (read !== undefined) read.readIndex = readIndex;
  }

  applied(appliedIndex: number): void {
    for (const [requestId, { readIndex }] of this.#reads) {
      if (readIndex !== undefined && readIndex <= appliedIndex) this.settle(requestId);
    }
  }

  settle(requestId: number, error?: Error): void {
    const read = this.#reads.get(requestId);
    if (read === undefined) return;
    this.#reads.delete(requestId);
    if (error === undefined) read.resolve();
    else read.reject(error);
  }

  rejectAll(refusal: () => Error): void {
    for (const requestId of [...this.#reads.keys()]) this.settle(requestId, refusal());
  }
}
