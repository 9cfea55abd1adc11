// Original file: proto/millrace/v1/controller.proto

import type { StreamKey as _millrace_v1_StreamKey, StreamKey__Output as _millrace_v1_StreamKey__Output } from '../../millrace/v1/StreamKey.ts';
import type { Faults as _millrace_v1_Faults, Faults__Output as _millrace_v1_Faults__Output } from '../../millrace/v1/Faults.ts';

export interface StreamFaults {
  'key'?: (_millrace_v1_StreamKey | null);
  'faults'?: (_millrace_v1_Faults | null);
}

export interface StreamFaults__Output {
  'key': (_millrace_v1_StreamKey__Output | null);
  'faults': (_millrace_v1_Faults__Output | null);
}
