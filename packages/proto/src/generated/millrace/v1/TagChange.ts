// Original file: proto/millrace/v1/controller.proto

import type { ConsumerTagChange as _millrace_v1_ConsumerTagChange, ConsumerTagChange__Output as _millrace_v1_ConsumerTagChange__Output } from '../../millrace/v1/ConsumerTagChange.ts';

export interface TagChange {
  'set'?: ({[key: string]: string});
  'remove'?: (string)[];
  'consumer'?: (_millrace_v1_ConsumerTagChange | null);
}

export interface TagChange__Output {
  'set': ({[key: string]: string});
  'remove': (string)[];
  'consumer': (_millrace_v1_ConsumerTagChange__Output | null);
}
