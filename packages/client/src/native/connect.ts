import type { Command, CommandError, NodeCredentials, StreamMode } from "@millrace/proto";
import { type Clock, type Logger, type Random, realWorld, silentLogger } from "@millrace/util";
import { connectControllers } from "../controller-connection.ts";
import { ControllerUnavailable } from "../errors.ts";
import { ClusterMetadata } from "../metadata.ts";
import { MetadataWatcher } from "../metadata-watcher.ts";
import type { ConnectController, ConnectShardLog } from "../network.ts";
import { type ClosableShardRouter, createShardRouter } from "../router.ts";
import type { StreamView } from "../stream-view.ts";
import type { ControllerConnection } from "../types.ts";
import { Consumer, type ConsumerOptions } from "./consumer.ts";
import { ClientClosed, ClusterUnreachable, GroupRefused, StreamChangeRefused, StreamNotFound } from "./errors.ts";
import { GroupConsumer, type GroupConsumerOptions } from "./groups/group-consumer.ts";
import { Producer, type ProducerOptions } from "./producer.ts";

export interface MillraceOptions {
  /** host:port of the controllers. */
  readonly controllers: readonly string[];
  /** Whose streams; 000000000000 unless given, as the gateway has it. */
  readonly accountId?: string;
  /** us-east-1 unless given. */
  readonly region?: string;
  /** For the first contact with the cluster; 10 s unless given. */
  readonly connectTimeoutMs?: number;
  readonly logger?: Logger;
  /** The real ones unless given. */
  readonly world?: { readonly clock: Clock; readonly random: Random };
  /** A certificate of the cluster, where it asks for one; plain text unless given. */
  readonly nodeCredentials?: NodeCredentials;
  /** gRPC unless given. */
  readonly network?: { readonly controllers: ConnectController; readonly brokers: ConnectShardLog };
}

export interface CreateStreamOptions {
  readonly shardCount: number;
  readonly mode?: StreamMode;
  readonly timeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const STREAM_CHANGE_TIMEOUT_MS = 15_000;
const REFRESH_TIMEOUT_MS = 1_000;
/** Kinesis's: the API could not name any other. */
const STREAM_NAME = /^[a-zA-Z0-9_.-]{1,128}$/;

/** @throws ClusterUnreachable when no controller told of the cluster in time */
export async function connectMillrace(options: MillraceOptions): Promise<Millrace> {
  const { controllers: addresses, world = realWorld(), logger = silentLogger, network, nodeCredentials } = options;
  const { clock, random } = world;
  const base = { clock, random, logger, nodeCredentials };
  const controllers = connectControllers({
    ...base,
    addresses,
    ...(network === undefined ? {} : { connect: network.controllers }),
  });
  const metadata = new ClusterMetadata({ clock });
  const watcher = new MetadataWatcher({ controllers, metadata });
  const router = createShardRouter({
    ...base,
    metadata,
    ...(network === undefined ? {} : { connect: network.brokers }),
  });
  const client = new Millrace({ ...options, clock, random, controllers, metadata, watcher, router });
  if (await watcher.ready(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS)) {
    // Any controller tells the first time, one that lags as well: streams that others have made before must be known.
    await client.refresh();
    return client;
  }
  await client.close();
  throw new ClusterUnreachable(`no controller of ${addresses.join(", ")} told of the cluster`);
}

interface Parts {
  readonly accountId?: string;
  readonly region?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly controllers: ControllerConnection;
  readonly metadata: ClusterMetadata;
  readonly watcher: MetadataWatcher;
  readonly router: ClosableShardRouter;
}

/** A process's connection to a cluster: producers and consumers of its streams share it. Close it when done. */
export class Millrace {
  readonly #parts: Parts;
  readonly #accountId: string;
  readonly #region: string;
  readonly #producers = new Set<Producer>();
  readonly #consumers = new Set<Consumer>();
  readonly #groupConsumers = new Set<GroupConsumer>();
  #isClosed = false;

  /** @internal connectMillrace makes it. */
  constructor(parts: Parts) {
    this.#parts = parts;
    this.#accountId = parts.accountId ?? "000000000000";
    this.#region = parts.region ?? "us-east-1";
  }

  /** @throws StreamNotFound, ClientClosed, RangeError */
  producer(stream: string, options?: ProducerOptions): Producer {
    const onClose = (): unknown => this.#producers.delete(producer);
    const producer: Producer = new Producer(this.#view(stream), { ...this.#parts, onClose }, options);
    this.#producers.add(producer);
    return producer;
  }

  /** @throws StreamNotFound, ClientClosed, InvalidPosition, RangeError */
  consumer(stream: string, options?: ConsumerOptions): Consumer {
    const onClose = (): unknown => this.#consumers.delete(consumer);
    const consumer: Consumer = new Consumer(this.#view(stream), { ...this.#parts, onClose }, options);
    this.#consumers.add(consumer);
    return consumer;
  }

  /** A worker of the group: it shares the stream's shards with all others of that name, in whichever process. @throws StreamNotFound, ClientClosed, RangeError */
  consumeGroup(stream: string, group: string, options?: GroupConsumerOptions): GroupConsumer {
    const onClose = (): unknown => this.#groupConsumers.delete(consumer);
    const consumer: GroupConsumer = new GroupConsumer(this.#view(stream), group, { ...this.#parts, onClose }, options);
    this.#groupConsumers.add(consumer);
    return consumer;
  }

  /** Names of the stream's groups. @throws StreamNotFound, ControllerUnavailable */
  async groups(stream: string): Promise<string[]> {
    const { streamId } = this.#view(stream).stream;
    const { groups } = await this.#parts.controllers.leases(
      { streamId, group: "" },
      { timeoutMs: STREAM_CHANGE_TIMEOUT_MS },
    );
    return groups;
  }

  /** Forgets its checkpoints; workers that are still at it end with GroupRemoved. @throws StreamNotFound, GroupRefused, ControllerUnavailable */
  async removeGroup(stream: string, group: string): Promise<void> {
    const { streamId } = this.#view(stream).stream;
    const error = await this.#decide({ removeGroup: { streamId, group } }, STREAM_CHANGE_TIMEOUT_MS);
    if (error !== null) throw new GroupRefused(error.message, error.code);
  }

  /** Resolves when it can be written to. @throws StreamChangeRefused, ControllerUnavailable */
  async createStream(name: string, options: CreateStreamOptions): Promise<void> {
    const { shardCount, mode = "PROVISIONED", timeoutMs = STREAM_CHANGE_TIMEOUT_MS } = options;
    if (!STREAM_NAME.test(name)) throw new StreamChangeRefused(`${name} is no name of a stream`, "BAD_COMMAND");
    if (!Number.isInteger(shardCount) || shardCount < 1) {
      throw new StreamChangeRefused(`${shardCount} is no number of shards`, "BAD_COMMAND");
    }
    const { clock, metadata } = this.#parts;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    await this.#execute({ createStream: { key: this.#key(name), shardCount, mode } }, timeoutMs);
    while (this.#find(name)?.stream.status !== "ACTIVE") {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (await metadata.waitForVersion(metadata.version + 1, leftMs)) continue;
      throw new ClusterUnreachable(`${name} is made, but was not active within ${timeoutMs} ms`);
    }
  }

  /** Resolves when it is decided. @throws StreamChangeRefused, ControllerUnavailable */
  async deleteStream(name: string): Promise<void> {
    const deletion = { key: this.#key(name), enforceConsumerDeletion: true };
    await this.#execute({ deleteStream: deletion }, STREAM_CHANGE_TIMEOUT_MS);
  }

  /**
   * Resolves when all is known that was decided before the call, streams of other processes among it; to false when no leading
   * controller told within the time: what is known must do.
   */
  async refresh(timeoutMs = REFRESH_TIMEOUT_MS): Promise<boolean> {
    const { controllers, metadata } = this.#parts;
    try {
      const { version } = await controllers.status({ timeoutMs });
      return await metadata.waitForVersion(version, timeoutMs);
    } catch (error) {
      if (error instanceof ControllerUnavailable) return false;
      throw error;
    }
  }

  /** Names, in order. */
  streams(): string[] {
    return this.#parts.metadata.streamsOf(this.#accountId, this.#region).map(({ key }) => key.name);
  }

  /** Waits for what producers still have and what workers have checkpointed, then ends everything. @throws ControllerUnavailable */
  async close(): Promise<void> {
    const { watcher, router, controllers } = this.#parts;
    this.#isClosed = true;
    for (const consumer of this.#consumers) consumer.close();
    const closing = [...this.#producers, ...this.#groupConsumers].map((each) => each.close());
    try {
      await Promise.all(closing);
    } finally {
      await Promise.allSettled(closing);
      router.close();
      watcher.close();
      controllers.close();
    }
  }

  #key(name: string) {
    return { accountId: this.#accountId, region: this.#region, name };
  }

  #find(name: string): StreamView | undefined {
    return this.#parts.metadata.stream(this.#accountId, this.#region, name);
  }

  #view(name: string): StreamView {
    if (this.#isClosed) throw new ClientClosed();
    const view = this.#find(name);
    if (view === undefined || view.stream.status === "CREATING" || view.stream.status === "DELETING") {
      throw new StreamNotFound(`no stream ${name} in account ${this.#accountId}, region ${this.#region}`);
    }
    return view;
  }

  async #execute(command: Omit<Command, "commandId">, timeoutMs: number): Promise<void> {
    const error = await this.#decide(command, timeoutMs);
    if (error !== null) throw new StreamChangeRefused(error.message, error.code);
  }

  async #decide(command: Omit<Command, "commandId">, timeoutMs: number): Promise<CommandError | null> {
    const commandId = this.#parts.random.bytes(16).toString("hex");
    const { error } = await this.#parts.controllers.execute({ commandId, ...command }, { timeoutMs });
    return error;
  }
}
