// Original file: proto/millrace/v1/peer.proto


export interface Acquaintance {
  'knownDiskId'?: (string);
  'isMember'?: (boolean);
  'isLeader'?: (boolean);
  'restoredFrom'?: (string);
  'diskId'?: (string);
}

export interface Acquaintance__Output {
  'knownDiskId': (string);
  'isMember': (boolean);
  'isLeader': (boolean);
  'restoredFrom': (string);
  'diskId': (string);
}
