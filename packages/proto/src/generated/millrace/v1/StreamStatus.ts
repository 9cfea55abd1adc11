// Original file: proto/millrace/v1/controller.proto

export const StreamStatus = {
  CREATING: 'CREATING',
  ACTIVE: 'ACTIVE',
  UPDATING: 'UPDATING',
  DELETING: 'DELETING',
} as const;

export type StreamStatus =
  | 'CREATING'
  | 0
  | 'ACTIVE'
  | 1
  | 'UPDATING'
  | 2
  | 'DELETING'
  | 3

export type StreamStatus__Output = typeof StreamStatus[keyof typeof StreamStatus]
