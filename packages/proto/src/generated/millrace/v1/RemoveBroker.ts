// Original file: proto/millrace/v1/controller.proto


export interface RemoveBroker {
  'nodeId'?: (string);
}

export interface RemoveBroker__Output {
  'nodeId': (string);
}
