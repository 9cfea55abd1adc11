import { MillraceError } from "@millrace/util";

/** This replica does not lead its group (any more). Nothing was done. */
export class NotLeader extends MillraceError {
  readonly code = "NOT_LEADER";
  readonly leaderId: string | undefined;

  constructor(groupId: number, leaderId: string | undefined) {
    super(`group ${groupId} is led by ${leaderId ?? "nobody that is known"}`);
    this.leaderId = leaderId;
  }
}
