// Original file: proto/millrace/v1/peer.proto


export interface Introduction {
  'controllerId'?: (string);
  'diskId'?: (string);
  'controllers'?: (string);
  'memberId'?: (string);
}

export interface Introduction__Output {
  'controllerId': (string);
  'diskId': (string);
  'controllers': (string);
  'memberId': (string);
}
