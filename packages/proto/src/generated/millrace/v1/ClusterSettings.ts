// Original file: proto/millrace/v1/controller.proto


export interface ClusterSettings {
  'quotas'?: (string);
}

export interface ClusterSettings__Output {
  'quotas': (string);
}
