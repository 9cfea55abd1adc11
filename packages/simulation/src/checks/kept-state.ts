import type { RaftHostOptions } from "@millrace/multiraft";
import type { GroupWrite, LogStore } from "@millrace/storage";
import { lastIndexAfter } from "./promised-state.ts";
import { standBetween } from "./stand-between.ts";

interface Kept {
  /** Durable, and not about to be replaced by what is on its way to the disk. */
  lastIndex: number;
  term: number;
  /** With all that is on its way. */
  readonly newest: { lastIndex: number; term: number };
  underWay: number;
}

/** By group: what one node's disk had when it was last heard of. It outlives the node's processes. */
export type KeptState = Map<number, Kept>;

/**
 * What a store said is durable is there when the node starts again under the same name: a journal that is cut too short would make
 * it forget what it has acknowledged. A disk that is lost or set aside comes back under another name.
 */
export function watchRestarts(
  options: RaftHostOptions,
  kept: KeptState,
  violation: (text: string) => void,
): RaftHostOptions {
  const { nodeId, store } = options;
  const found = new Map([...store.groups()].map((state) => [state.groupId, state]));
  for (const [groupId, { lastIndex, term }] of kept) {
    const state = found.get(groupId);
    const [lastNow, termNow] = [state?.log.lastIndex ?? 0, state?.hardState.term ?? 0];
    if (lastNow < lastIndex || termNow < term) {
      violation(
        `group ${groupId}: ${nodeId} had ${lastIndex} entries and term ${term} on its disk, and starts with ${lastNow} and ${termNow}`,
      );
    }
  }
  kept.clear();
  for (const [groupId, { log, hardState }] of found) {
    const { lastIndex } = log;
    const { term } = hardState;
    kept.set(groupId, { lastIndex, term, newest: { lastIndex, term }, underWay: 0 });
  }

  /** @returns what is to be called when they are durable */
  const begin = (parts: readonly GroupWrite[]): (() => void) => {
    const groups = parts.map((part) => {
      const { groupId, hardState } = part;
      if (part.deleteGroup === true) {
        kept.delete(groupId);
        return undefined;
      }
      const group = kept.get(groupId) ?? { lastIndex: 0, term: 0, newest: { lastIndex: 0, term: 0 }, underWay: 0 };
      kept.set(groupId, group);
      group.newest.lastIndex = lastIndexAfter(group.newest, part);
      group.newest.term = hardState?.term ?? group.newest.term;
      group.lastIndex = Math.min(group.lastIndex, group.newest.lastIndex);
      group.underWay++;
      return group;
    });
    return () => {
      for (const group of groups) {
        if (group === undefined || --group.underWay > 0) continue;
        group.lastIndex = group.newest.lastIndex;
        group.term = group.newest.term;
      }
    };
  };
  const submit: LogStore["submit"] = (parts, onDurable) => {
    const end = begin(parts);
    store.submit(parts, () => {
      end();
      onDurable();
    });
  };
  const write: LogStore["write"] = async (parts) => {
    const end = begin(parts);
    await store.write(parts);
    end();
  };
  return { ...options, store: standBetween(store, { submit, write }) };
}
