import type { Membership, NodeId } from "@millrace/raft";

/**
 * The group's members are disks, not controllers: the disk that a cluster began with has its controller's name, a later one the name
 * and its own id behind it. What a lost disk had promised nobody else is asked to keep.
 */
export function memberIdOf(controllerId: string, diskId: string): NodeId {
  return `${controllerId}/${diskId}`;
}

/** Whose disk it is. Names of controllers have no slash, ids of disks neither. */
export function controllerOf(memberId: NodeId): string {
  const at = memberId.lastIndexOf("/");
  return at === -1 ? memberId : memberId.slice(0, at);
}

/** The disk of this controller that has a vote. */
export function voterOf(controllerId: string, { voters }: Membership): NodeId | undefined {
  return voters.find((memberId) => controllerOf(memberId) === controllerId);
}
