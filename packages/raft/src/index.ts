export type * from "./types.ts";
export { RaftAssertionError } from "./assert.ts";
export { RaftCore } from "./core.ts";
export { decodeMembership, encodeMembership, isJoint, isVoter, memberIds, withJoins } from "./membership.ts";
