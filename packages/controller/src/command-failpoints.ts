import type { FailpointName } from "@millrace/util";
import type { Command__Output } from "./protocol.ts";

type Kind = NonNullable<Command__Output["kind"]>;

/** Passed when a command of the kind is applied, and nobody has heard of it: the steps that are made of several. */
export const AFTER_COMMAND: { readonly [K in Kind]?: FailpointName } = {
  initializeCluster: "controller.after-initialize",
  registerBroker: "controller.after-register-broker",
  createStream: "controller.after-create-stream",
  activateStream: "controller.after-activate-stream",
  setBrokerState: "controller.after-set-broker-state",
  beginReshard: "controller.after-begin-reshard",
  requestClose: "controller.after-request-close",
  completeReshard: "controller.after-complete-reshard",
  beginMove: "controller.after-begin-move",
  completeMove: "controller.after-complete-move",
  replicaDropped: "controller.after-replica-dropped",
};
