// Original file: proto/millrace/v1/controller.proto


export interface ConsumerTagChange {
  'name'?: (string);
  'set'?: ({[key: string]: string});
  'remove'?: (string)[];
}

export interface ConsumerTagChange__Output {
  'name': (string);
  'set': ({[key: string]: string});
  'remove': (string)[];
}
