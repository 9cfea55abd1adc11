import { type Acquaintance, type NodeCredentials, Peer } from "@millrace/proto";
import { PEER_CHANNEL_OPTIONS } from "@millrace/multiraft";
import type { Clock } from "@millrace/util";
import type { AskPeer } from "./introductions.ts";

const TIMEOUT_MS = 1_000;

/** Each question on a connection of its own: few are asked, of peers that may not be there yet. */
export function askOverGrpc({ channel }: NodeCredentials, clock: Clock): AskPeer {
  return (address, introduction) =>
    new Promise<Acquaintance>((resolve, reject) => {
      const client = new Peer(address, channel, PEER_CHANNEL_OPTIONS);
      const call = client.introduce(introduction, (error, answer) => {
        timer.cancel();
        // Closing within a call's own event makes grpc-js throw.
        queueMicrotask(() => client.close());
        if (answer === undefined) reject(error ?? new Error("no answer"));
        else resolve(answer);
      });
      const timer = clock.setTimer(TIMEOUT_MS, () => call.cancel());
    });
}
