// Original file: proto/millrace/v1/controller.proto


export interface RegisterBroker {
  'brokerId'?: (string);
  'az'?: (string);
  'address'?: (string);
  'diskId'?: (string);
  'processId'?: (number);
  'clusterId'?: (string);
  'incarnation'?: (number);
}

export interface RegisterBroker__Output {
  'brokerId': (string);
  'az': (string);
  'address': (string);
  'diskId': (string);
  'processId': (number);
  'clusterId': (string);
  'incarnation': (number);
}
