/** How packets fare from one machine to another now. */
export interface LinkBehaviour {
  /** Nothing comes through in this direction. TCP keeps what was sent, and sends it again later. */
  isBlocked: boolean;
  /** Times as long as usual. */
  slowness: number;
  /** A lost packet costs its connection a retransmission time. */
  lossChance: number;
}

export interface LinkTimes {
  readonly latencyUs: number;
  readonly jitterUs: number;
  readonly bytesPerUs: number;
}

export const LOCAL_NETWORK: LinkTimes = { latencyUs: 150, jitterUs: 200, bytesPerUs: 120 };

/** One direction between two machines. */
export class Link implements LinkBehaviour {
  isBlocked = false;
  slowness = 1;
  lossChance = 0;
  /** Pipes that wait for the link to open again. */
  readonly waiting = new Set<() => void>();

  block(): void {
    this.isBlocked = true;
  }

  unblock(): void {
    if (!this.isBlocked) return;
    this.isBlocked = false;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const wake of waiting) wake();
  }

  heal(): void {
    this.slowness = 1;
    this.lossChance = 0;
    this.unblock();
  }
}
