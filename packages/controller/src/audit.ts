import { callerName, type IncomingCall } from "@millrace/proto";
import type { AuditLog } from "@millrace/util";
import { NotControllerLeader } from "./errors.ts";
import type { Command__Output } from "./protocol.ts";

/** What became of a command that came from outside. */
export type Verdict = { readonly error: { readonly code: string } | null } | { readonly thrown: unknown };

/**
 * A line per command of a gateway, a broker or an operator, by the controller that decided it. Who is the name on the certificate
 * (a gateway's own log has the access key), and what the leader wishes by itself is nobody's command.
 */
export function auditCommand(log: AuditLog, call: IncomingCall, command: Command__Output, verdict: Verdict): void {
  // Asked again elsewhere, and told of there.
  if ("thrown" in verdict && verdict.thrown instanceof NotControllerLeader) return;
  const outcome = "thrown" in verdict ? "unknown" : (verdict.error?.code ?? "ok");
  const { kind = "unknown" } = command;
  const body = (command as unknown as Readonly<Record<string, CommandBody | null>>)[kind] ?? {};
  const { key, nodeId, brokerId } = body;
  const subject = nodeId || brokerId || undefined;
  log({
    operation: kind,
    who: callerName(call),
    from: call.getPeer?.(),
    outcome,
    ...(key ? { stream: key.name, accountId: key.accountId, region: key.region } : {}),
    ...(subject === undefined ? {} : { subject }),
  });
}

/** What of a command says what it is about. */
interface CommandBody {
  readonly key?: { readonly name: string; readonly accountId: string; readonly region: string } | null;
  readonly nodeId?: string;
  readonly brokerId?: string;
}
