// Original file: proto/millrace/v1/controller.proto


export interface SplitShard {
  'shardNumber'?: (number);
  'newStartingHashKey'?: (string);
}

export interface SplitShard__Output {
  'shardNumber': (number);
  'newStartingHashKey': (string);
}
