// Original file: proto/millrace/v1/controller.proto


export interface ClusterSettings {
  'quotas'?: (string);
  'replicationFactor'?: (number);
  'replaceBrokerAfterS'?: (number);
}

export interface ClusterSettings__Output {
  'quotas': (string);
  'replicationFactor': (number);
  'replaceBrokerAfterS': (number);
}
