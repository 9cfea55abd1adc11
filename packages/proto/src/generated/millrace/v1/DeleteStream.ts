// Original file: proto/millrace/v1/controller.proto

import type { StreamKey as _millrace_v1_StreamKey, StreamKey__Output as _millrace_v1_StreamKey__Output } from '../../millrace/v1/StreamKey.ts';

export interface DeleteStream {
  'key'?: (_millrace_v1_StreamKey | null);
  'enforceConsumerDeletion'?: (boolean);
}

export interface DeleteStream__Output {
  'key': (_millrace_v1_StreamKey__Output | null);
  'enforceConsumerDeletion': (boolean);
}
