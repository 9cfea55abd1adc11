// Original file: proto/millrace/v1/controller.proto


export interface Faults {
  'throttledShare'?: (number | string);
  'internalFailureShare'?: (number | string);
  'latencyMs'?: (number);
  'expiredIteratorShare'?: (number | string);
}

export interface Faults__Output {
  'throttledShare': (number);
  'internalFailureShare': (number);
  'latencyMs': (number);
  'expiredIteratorShare': (number);
}
