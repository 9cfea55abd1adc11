// Original file: proto/millrace/v1/controller.proto

import type { CommandError as _millrace_v1_CommandError, CommandError__Output as _millrace_v1_CommandError__Output } from '../../millrace/v1/CommandError.ts';
import type { Long } from '@grpc/proto-loader';

export interface CommandResult {
  'version'?: (number | string | Long);
  'error'?: (_millrace_v1_CommandError | null);
  'incarnation'?: (number);
  'refusedShards'?: (number)[];
}

export interface CommandResult__Output {
  'version': (number);
  'error': (_millrace_v1_CommandError__Output | null);
  'incarnation': (number);
  'refusedShards': (number)[];
}
