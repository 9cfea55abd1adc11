// Original file: proto/millrace/v1/controller.proto

import type { BrokerState as _millrace_v1_BrokerState, BrokerState__Output as _millrace_v1_BrokerState__Output } from '../../millrace/v1/BrokerState.ts';

export interface Broker {
  'nodeId'?: (string);
  'brokerId'?: (string);
  'incarnation'?: (number);
  'az'?: (string);
  'address'?: (string);
  'state'?: (_millrace_v1_BrokerState);
  'processId'?: (number);
}

export interface Broker__Output {
  'nodeId': (string);
  'brokerId': (string);
  'incarnation': (number);
  'az': (string);
  'address': (string);
  'state': (_millrace_v1_BrokerState__Output);
  'processId': (number);
}
