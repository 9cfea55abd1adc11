// Original file: proto/millrace/v1/frame.proto


export interface Frame {
  'payload'?: (Buffer | Uint8Array | string);
}

export interface Frame__Output {
  'payload': (Buffer);
}
