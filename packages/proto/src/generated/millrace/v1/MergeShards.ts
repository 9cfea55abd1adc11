// Original file: proto/millrace/v1/controller.proto


export interface MergeShards {
  'shardNumber'?: (number);
  'adjacentShardNumber'?: (number);
}

export interface MergeShards__Output {
  'shardNumber': (number);
  'adjacentShardNumber': (number);
}
