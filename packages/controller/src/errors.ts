import { MillraceError } from "@millrace/util";

/** This replica does not lead. `leaderAddress` is where to go, when that is known. */
export class NotControllerLeader extends MillraceError {
  readonly code = "NOT_CONTROLLER_LEADER";
  readonly leaderAddress: string | undefined;

  constructor(leaderAddress: string | undefined) {
    super(`not the leading controller; ${leaderAddress ?? "nobody that is known"} is`);
    this.leaderAddress = leaderAddress;
  }
}

/** The outcome is not known: repeat the command with the same id. */
export class CommandInterrupted extends MillraceError {
  readonly code = "COMMAND_INTERRUPTED";

  constructor(reason: string) {
    super(`the outcome is not known (${reason}); repeat the command with the same id`);
  }
}

/** Nothing was done. It may pass: repeat the command. */
export class NotYet extends MillraceError {
  readonly code = "NOT_YET";
}

/** Nothing was done, and a repetition does not help. */
export class MalformedCommand extends MillraceError {
  readonly code = "MALFORMED_COMMAND";
}
