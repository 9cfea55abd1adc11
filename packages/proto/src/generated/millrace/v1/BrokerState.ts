// Original file: proto/millrace/v1/controller.proto

export const BrokerState = {
  UP: 'UP',
  DOWN: 'DOWN',
  DRAINING: 'DRAINING',
} as const;

export type BrokerState =
  | 'UP'
  | 0
  | 'DOWN'
  | 1
  | 'DRAINING'
  | 2

export type BrokerState__Output = typeof BrokerState[keyof typeof BrokerState]
