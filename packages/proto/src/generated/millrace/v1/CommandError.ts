// Original file: proto/millrace/v1/controller.proto


export interface CommandError {
  'code'?: (string);
  'message'?: (string);
  'details'?: ({[key: string]: string});
}

export interface CommandError__Output {
  'code': (string);
  'message': (string);
  'details': ({[key: string]: string});
}
