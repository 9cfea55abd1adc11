import { type Command, type Command__Output, Controller } from "@millrace/proto";

type Kind<K extends keyof Command__Output> = NonNullable<Command__Output[K]>;
export type CreateStream__Output = Kind<"createStream">;
export type DeleteStream__Output = Kind<"deleteStream">;
export type RegisterBroker__Output = Kind<"registerBroker">;
export type ActivateStream__Output = Kind<"activateStream">;
export type RemoveStream__Output = Kind<"removeStream">;
export type InitializeCluster__Output = Kind<"initializeCluster">;
export type SetBrokerState__Output = Kind<"setBrokerState">;
export type UpdateStream__Output = Kind<"updateStream">;
export type BeginReshard__Output = Kind<"beginReshard">;
export type RequestClose__Output = Kind<"requestClose">;
export type CompleteReshard__Output = Kind<"completeReshard">;
export type BeginMove__Output = Kind<"beginMove">;
export type CancelMove__Output = Kind<"cancelMove">;
export type CompleteMove__Output = Kind<"completeMove">;
export type RemoveBroker__Output = Kind<"removeBroker">;
export type RecoverShard__Output = Kind<"recoverShard">;
export type UpdateLeases__Output = Kind<"updateLeases">;
export type RemoveGroup__Output = Kind<"removeGroup">;
export type ReplicaDropped__Output = Kind<"replicaDropped">;

const TIME_SIZE_BYTES = 8;
const { requestSerialize, requestDeserialize } = Controller.service.Execute;

/** An entry of the controller's log: f64 time that the leader stamped, epoch ms · the command in protobuf. */
export function encodeCommandEntry(nowMs: number, command: Command): Buffer {
  const time = Buffer.allocUnsafe(TIME_SIZE_BYTES);
  time.writeDoubleLE(nowMs);
  return Buffer.concat([time, requestSerialize(command)]);
}

export function decodeCommandEntry(payload: Buffer): { nowMs: number; command: Command__Output } {
  const command = requestDeserialize(payload.subarray(TIME_SIZE_BYTES)) as Command__Output;
  return { nowMs: payload.readDoubleLE(), command };
}
