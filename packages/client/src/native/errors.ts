import { MillraceError } from "@millrace/util";

/** There is no such stream, or no longer. */
export class StreamNotFound extends MillraceError {
  readonly code = "STREAM_NOT_FOUND";
}

/** A controller decided against it: `reason` is its code (STREAM_EXISTS, SHARD_LIMIT_EXCEEDED, ...). */
export class StreamChangeRefused extends MillraceError {
  readonly code = "STREAM_CHANGE_REFUSED";
  readonly reason: string;

  constructor(message: string, reason: string) {
    super(message);
    this.reason = reason;
  }
}

/** Nothing was sent: the record breaks a limit of the stream. */
export class InvalidRecord extends MillraceError {
  readonly code = "INVALID_RECORD";
}

/** Nothing was sent: the bound on bytes in flight is reached. `ready()` resolves when there is room. */
export class ProducerFull extends MillraceError {
  readonly code = "PRODUCER_FULL";

  constructor(limitBytes: number) {
    super(`${limitBytes} bytes are in flight: await ready() first`);
  }
}

/** Nothing was begun: the client was closed before. */
export class ClientClosed extends MillraceError {
  readonly code = "CLIENT_CLOSED";

  constructor() {
    super("the client is closed");
  }
}

/** Nothing was sent: the producer, or the client that it belongs to, was closed before. */
export class ProducerClosed extends MillraceError {
  readonly code = "PRODUCER_CLOSED";

  constructor() {
    super("the producer is closed");
  }
}

/** A start position that names no place in this stream. */
export class InvalidPosition extends MillraceError {
  readonly code = "INVALID_POSITION";
}

/** The shard is another worker's now, or may be: it goes on after the last checkpoint that was stored. */
export class LeaseLost extends MillraceError {
  readonly code = "LEASE_LOST";

  constructor(shardId: string) {
    super(`the lease of ${shardId} is lost`);
  }
}

/** The consumer group was removed while its workers were at work. */
export class GroupRemoved extends MillraceError {
  readonly code = "GROUP_REMOVED";
}

/** A controller decided against it: `reason` is its code (GROUP_LIMIT_EXCEEDED, ...). */
export class GroupRefused extends MillraceError {
  readonly code = "GROUP_REFUSED";
  readonly reason: string;

  constructor(message: string, reason: string) {
    super(message);
    this.reason = reason;
  }
}

/** No controller, or no metadata from one, in time. */
export class ClusterUnreachable extends MillraceError {
  readonly code = "CLUSTER_UNREACHABLE";
}
