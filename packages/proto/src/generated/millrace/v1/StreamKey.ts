// Original file: proto/millrace/v1/controller.proto


export interface StreamKey {
  'accountId'?: (string);
  'region'?: (string);
  'name'?: (string);
}

export interface StreamKey__Output {
  'accountId': (string);
  'region': (string);
  'name': (string);
}
