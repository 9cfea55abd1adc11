import { isLinearizable, type Model, type Operation } from "./linearizability.ts";

export type ConsumerInput = "register" | "deregister";
export type ConsumerOutput = "done" | "refused";

/** A consumer's name in a stream: it is registered, or it is not. What is refused changes nothing. */
export const CONSUMER_MODEL: Model<boolean, ConsumerInput, ConsumerOutput> = {
  initial: false,
  step: (isThere, input, output) => {
    const isDone = isThere !== (input === "register");
    if (output !== undefined && isDone !== (output === "done")) return undefined;
    return input === "register";
  },
};

export type ConsumerCall = Operation<ConsumerInput, ConsumerOutput> & { readonly consumer: string };

/** Consumers of which clients were told what cannot have happened one thing after another. Each is an object by itself. */
export function impossibleConsumers(calls: readonly ConsumerCall[]): string[] {
  const byConsumer = new Map<string, ConsumerCall[]>();
  for (const call of calls) {
    const known = byConsumer.get(call.consumer);
    if (known === undefined) byConsumer.set(call.consumer, [call]);
    else known.push(call);
  }
  return [...byConsumer].filter(([, ofOne]) => !isLinearizable(ofOne, CONSUMER_MODEL)).map(([consumer]) => consumer);
}
