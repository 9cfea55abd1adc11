// Original file: proto/millrace/v1/controller.proto


export interface NodeStatus {
  'id'?: (string);
  'role'?: (string);
  'az'?: (string);
  'processId'?: (number);
  'address'?: (string);
  'state'?: (string);
  'leaders'?: (number);
  'replicas'?: (number);
  'problems'?: (string)[];
}

export interface NodeStatus__Output {
  'id': (string);
  'role': (string);
  'az': (string);
  'processId': (number);
  'address': (string);
  'state': (string);
  'leaders': (number);
  'replicas': (number);
  'problems': (string)[];
}
