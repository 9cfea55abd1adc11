// Original file: proto/millrace/v1/controller.proto


export interface ShardLevelMetrics {
  'names'?: (string)[];
}

export interface ShardLevelMetrics__Output {
  'names': (string)[];
}
