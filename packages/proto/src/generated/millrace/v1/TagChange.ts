// Original file: proto/millrace/v1/controller.proto


export interface TagChange {
  'set'?: ({[key: string]: string});
  'remove'?: (string)[];
}

export interface TagChange__Output {
  'set': ({[key: string]: string});
  'remove': (string)[];
}
