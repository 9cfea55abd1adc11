import { Metadata, type ServerWritableStream, type ServiceError, status } from "@grpc/grpc-js";
import { callerName, type ControllerHandlers, type IncomingCall, isFromNode } from "@millrace/proto";
import { type AuditLog, type Clock, errorMessage } from "@millrace/util";
import { auditCommand } from "./audit.ts";
import { MalformedCommand, NotControllerLeader } from "./errors.ts";
import type { ControllerNode } from "./node.ts";
import type { Command__Output, CommandResult__Output, MetadataUpdate, WatchRequest__Output } from "./protocol.ts";

const LEADER_TRAILER = "millrace-leader";
const COMMAND_ID_CHARS_MAX = 64;
/** Every broker and gateway has one. */
const WATCHERS_MAX = 5_000;
const STATUS_TIMEOUT_MS = 2_000;

const NOT_A_NODE = failure(status.PERMISSION_DENIED, "the certificate shown is no node's");

/** The controllers' service over one node, once there is one. */
export function controllerHandlers(
  find: () => ControllerNode | undefined,
  clock: Clock,
  audit?: AuditLog,
): ControllerHandlers {
  /** @throws NotControllerLeader */
  const node = (): ControllerNode => {
    const found = find();
    if (found === undefined) throw new NotControllerLeader(undefined);
    return found;
  };
  return {
    Execute: (call, callback) => {
      const command = call.request as Command__Output;
      if (command.commandId === "" || command.commandId.length > COMMAND_ID_CHARS_MAX || command.kind === undefined) {
        callback(failure(status.INVALID_ARGUMENT, "a command needs an id of 1-64 characters and a known kind"));
        return;
      }
      if (command.kind === "registerBroker" && !isFromNode(call)) {
        audit?.({ operation: command.kind, who: callerName(call), from: call.getPeer(), outcome: "PERMISSION_DENIED" });
        callback(NOT_A_NODE);
        return;
      }
      answer(() => audited(node().execute(command), call, command, audit), callback);
    },
    Heartbeat: (call, callback) => {
      if (isFromNode(call)) answer(() => inTime(clock, (signal) => node().heartbeat(call.request, signal)), callback);
      else callback(NOT_A_NODE);
    },
    Status: (_call, callback) => answer(() => inTime(clock, (signal) => node().status(signal)), callback),
    Leases: ({ request }, callback) =>
      answer(() => inTime(clock, (signal) => node().leases(request, signal)), callback),
    Backup: (call, callback) =>
      answer(async () => {
        const backup = await inTime(clock, (signal) => node().backup(signal));
        audit?.({ operation: "backup", who: callerName(call), from: call.getPeer(), outcome: "ok" });
        return backup;
      }, callback),
    Watch: (call) => watch(find(), call as unknown as ServerWritableStream<WatchRequest__Output, MetadataUpdate>),
  };
}

/** Told before it is answered. */
async function audited<T extends CommandResult__Output>(
  result: Promise<T>,
  call: IncomingCall,
  command: Command__Output,
  audit: AuditLog | undefined,
): Promise<T> {
  // Workers renew their leases every second or so: that is use, not change.
  if (audit === undefined || command.kind === "updateLeases") return result;
  try {
    const decided = await result;
    auditCommand(audit, call, command, decided);
    return decided;
  } catch (thrown) {
    auditCommand(audit, call, command, { thrown });
    throw thrown;
  }
}

async function inTime<T>(clock: Clock, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const timeout = new AbortController();
  const timer = clock.setTimer(STATUS_TIMEOUT_MS, () => timeout.abort(new Error("nobody confirmed the leadership")));
  try {
    return await run(timeout.signal);
  } finally {
    timer.cancel();
  }
}

function watch(
  node: ControllerNode | undefined,
  call: ServerWritableStream<WatchRequest__Output, MetadataUpdate>,
): void {
  if (node === undefined) {
    call.emit("error", failure(status.UNAVAILABLE, "a new disk knows nothing"));
    return;
  }
  if (node.watchers.count >= WATCHERS_MAX) {
    call.emit("error", failure(status.RESOURCE_EXHAUSTED, "too many watchers"));
    return;
  }
  const watcher = node.watchers.add(call.request, { write: (update) => call.write(update) });
  call.on("drain", () => watcher.drained());
  for (const event of ["cancelled", "close", "error"]) call.on(event, () => watcher.close());
}

function answer<T>(run: () => Promise<T>, callback: (error: Partial<ServiceError> | null, value?: T) => void): void {
  let promise: Promise<T>;
  try {
    promise = run();
  } catch (error) {
    promise = Promise.reject(error as Error);
  }
  promise.then(
    (value) => callback(null, value),
    (error: unknown) => callback(refusal(error)),
  );
}

function refusal(error: unknown): Partial<ServiceError> {
  if (error instanceof NotControllerLeader) {
    const metadata = new Metadata();
    if (error.leaderAddress !== undefined) metadata.set(LEADER_TRAILER, error.leaderAddress);
    return { ...failure(status.FAILED_PRECONDITION, error.message), metadata };
  }
  if (error instanceof MalformedCommand) return failure(status.INVALID_ARGUMENT, error.message);
  // Interrupted, or a barrier that nobody answered: it may pass.
  return failure(status.UNAVAILABLE, errorMessage(error));
}

function failure(code: number, details: string): Partial<ServiceError> {
  return { code, details, message: details };
}
