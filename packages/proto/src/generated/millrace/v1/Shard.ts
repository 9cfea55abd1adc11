// Original file: proto/millrace/v1/controller.proto

import type { Long } from '@grpc/proto-loader';

export interface Shard {
  'number'?: (number);
  'groupId'?: (number | string | Long);
  'startingHashKey'?: (string);
  'endingHashKey'?: (string);
  'createdAtS'?: (number | string | Long);
  'closedAtS'?: (number | string | Long);
  'parent'?: (number);
  'adjacentParent'?: (number);
  'replicas'?: (string)[];
  'joining'?: (string);
  'leaving'?: (string);
  'left'?: (string)[];
  'placedVersion'?: (number | string | Long);
  'forgotten'?: (string)[];
  'termMin'?: (number | string | Long);
  'joinId'?: (number | string | Long);
}

export interface Shard__Output {
  'number': (number);
  'groupId': (number);
  'startingHashKey': (string);
  'endingHashKey': (string);
  'createdAtS': (number);
  'closedAtS': (number);
  'parent': (number);
  'adjacentParent': (number);
  'replicas': (string)[];
  'joining': (string);
  'leaving': (string);
  'left': (string)[];
  'placedVersion': (number);
  'forgotten': (string)[];
  'termMin': (number);
  'joinId': (number);
}
