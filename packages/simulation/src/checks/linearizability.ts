/** One call of a client, as it saw it. Times of one clock. */
export interface Operation<Input, Output> {
  readonly client: string;
  readonly input: Input;
  /** Undefined: it was never told. It took effect once at any time after the call, or never. */
  readonly output: Output | undefined;
  readonly calledAt: number;
  /** Infinity where nothing was heard. */
  readonly returnedAt: number;
}

/** What the object does when one operation after another reaches it. States are compared by `String`. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /** The state afterwards; undefined when it could not have answered that. */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
}

interface Entry<Input, Output> {
  readonly at: number;
  readonly operation: Operation<Input, Output>;
  readonly bit: bigint;
  /** Of a call: its return. */
  readonly match: Entry<Input, Output> | undefined;
  before: Entry<Input, Output> | undefined;
  after: Entry<Input, Output> | undefined;
}

/**
 * Whether the operations could have happened one at a time, each at a moment between its call and its return. Wing and Gong's search
 * with Lowe's memory of what was tried: exponential at worst in the operations that overlap, linear where few do.
 */
export function isLinearizable<State, Input, Output>(
  operations: readonly Operation<Input, Output>[],
  model: Model<State, Input, Output>,
): boolean {
  const head = linked(operations);
  const tried = new Set<string>();
  const taken: { readonly call: Entry<Input, Output>; readonly before: State }[] = [];
  let state = model.initial;
  let done = 0n;
  let entry = head.after;
  while (head.after !== undefined) {
    if (entry === undefined) return false;
    if (entry.match === undefined) {
      // A return whose call could not be placed before it: what was placed last was wrong.
      const last = taken.pop();
      if (last === undefined) return false;
      state = last.before;
      done &= ~last.call.bit;
      putBack(last.call);
      entry = last.call.after;
      continue;
    }
    const { input, output } = entry.operation;
    const next = model.step(state, input, output);
    const key = `${(done | entry.bit).toString(36)} ${String(next)}`;
    if (next === undefined || tried.has(key)) {
      entry = entry.after;
      continue;
    }
    tried.add(key);
    taken.push({ call: entry, before: state });
    state = next;
    done |= entry.bit;
    takeOut(entry);
    entry = head.after;
  }
  return true;
}

/** Calls and returns in the order of time. At one moment calls come first: what touches, overlaps. */
function linked<Input, Output>(operations: readonly Operation<Input, Output>[]): Entry<Input, Output> {
  const entries = operations.flatMap((operation, at) => {
    const shared = { operation, bit: 1n << BigInt(at), before: undefined, after: undefined };
    const end: Entry<Input, Output> = { ...shared, at: operation.returnedAt, match: undefined };
    const call: Entry<Input, Output> = { ...shared, at: operation.calledAt, match: end };
    return [call, end];
  });
  entries.sort((one, other) => {
    if (one.at !== other.at) return one.at < other.at ? -1 : 1;
    return Number(one.match === undefined) - Number(other.match === undefined);
  });
  const head: Entry<Input, Output> = { ...(entries[0] as Entry<Input, Output>), before: undefined, after: undefined };
  let last = head;
  for (const entry of entries) {
    last.after = entry;
    entry.before = last;
    last = entry;
  }
  return head;
}

function takeOut<Input, Output>(call: Entry<Input, Output>): void {
  for (const entry of [call, call.match as Entry<Input, Output>]) {
    (entry.before as Entry<Input, Output>).after = entry.after;
    if (entry.after !== undefined) entry.after.before = entry.before;
  }
}

/** In the reverse order: each entry still knows its neighbours. */
function putBack<Input, Output>(call: Entry<Input, Output>): void {
  for (const entry of [call.match as Entry<Input, Output>, call]) {
    (entry.before as Entry<Input, Output>).after = entry;
    if (entry.after !== undefined) entry.after.before = entry;
  }
}
