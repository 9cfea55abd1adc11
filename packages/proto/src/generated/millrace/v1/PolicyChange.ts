// Original file: proto/millrace/v1/controller.proto


export interface PolicyChange {
  'consumer'?: (string);
  'policy'?: (string);
}

export interface PolicyChange__Output {
  'consumer': (string);
  'policy': (string);
}
