// Original file: proto/millrace/v1/controller.proto

import type { StreamKey as _millrace_v1_StreamKey, StreamKey__Output as _millrace_v1_StreamKey__Output } from '../../millrace/v1/StreamKey.ts';
import type { StreamMode as _millrace_v1_StreamMode, StreamMode__Output as _millrace_v1_StreamMode__Output } from '../../millrace/v1/StreamMode.ts';

export interface CreateStream {
  'key'?: (_millrace_v1_StreamKey | null);
  'shardCount'?: (number);
  'mode'?: (_millrace_v1_StreamMode);
  'tags'?: ({[key: string]: string});
  'maxRecordSizeKib'?: (number);
  'warmThroughputMibps'?: (number);
  'recordDistribution'?: (string);
}

export interface CreateStream__Output {
  'key': (_millrace_v1_StreamKey__Output | null);
  'shardCount': (number);
  'mode': (_millrace_v1_StreamMode__Output);
  'tags': ({[key: string]: string});
  'maxRecordSizeKib': (number);
  'warmThroughputMibps': (number);
  'recordDistribution': (string);
}
