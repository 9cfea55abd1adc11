// Original file: proto/millrace/v1/controller.proto

import type { LedGroup as _millrace_v1_LedGroup, LedGroup__Output as _millrace_v1_LedGroup__Output } from '../../millrace/v1/LedGroup.ts';
import type { GroupLoad as _millrace_v1_GroupLoad, GroupLoad__Output as _millrace_v1_GroupLoad__Output } from '../../millrace/v1/GroupLoad.ts';
import type { Long } from '@grpc/proto-loader';

export interface BrokerHeartbeat {
  'nodeId'?: (string);
  'ledGroups'?: (_millrace_v1_LedGroup)[];
  'metadataVersion'?: (number | string | Long);
  'hostedGroups'?: (number);
  'deletedGroups'?: (number | string | Long)[];
  'freeBytes'?: (number | string | Long);
  'problems'?: (string)[];
  'closedGroups'?: (number | string | Long)[];
  'movedGroups'?: (number | string | Long)[];
  'nowMs'?: (number | string | Long);
  'loads'?: (_millrace_v1_GroupLoad)[];
}

export interface BrokerHeartbeat__Output {
  'nodeId': (string);
  'ledGroups': (_millrace_v1_LedGroup__Output)[];
  'metadataVersion': (number);
  'hostedGroups': (number);
  'deletedGroups': (number)[];
  'freeBytes': (number);
  'problems': (string)[];
  'closedGroups': (number)[];
  'movedGroups': (number)[];
  'nowMs': (number);
  'loads': (_millrace_v1_GroupLoad__Output)[];
}
