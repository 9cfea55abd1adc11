// Original file: proto/millrace/v1/controller.proto

import type { BrokerState as _millrace_v1_BrokerState, BrokerState__Output as _millrace_v1_BrokerState__Output } from '../../millrace/v1/BrokerState.ts';

export interface SetBrokerState {
  'nodeId'?: (string);
  'state'?: (_millrace_v1_BrokerState);
}

export interface SetBrokerState__Output {
  'nodeId': (string);
  'state': (_millrace_v1_BrokerState__Output);
}
