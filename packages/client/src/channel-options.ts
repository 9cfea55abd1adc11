import type { ChannelOptions } from "@grpc/grpc-js";
import { MIB } from "@millrace/util";

const MESSAGE_SIZE_BYTES_MAX = 64 * MIB;

/** What all channels between our processes have in common. */
const COMMON: ChannelOptions = {
  "grpc.max_send_message_length": MESSAGE_SIZE_BYTES_MAX,
  "grpc.max_receive_message_length": MESSAGE_SIZE_BYTES_MAX,
  "grpc.enable_http_proxy": 0,
  // Retries are ours: gRPC's would buffer every message of a long-lived stream.
  "grpc.enable_retries": 0,
  // A channel of our own has a connection of our own, with its own backoff.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.service_config_disable_resolution": 1,
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 1_000,
  // A pod that is made anew has another address under its name. The default would look for it every thirty seconds only.
  "grpc.dns_min_time_between_resolutions_ms": 500,
};

/** A peer that answers no ping is stopped or cut off, though TCP still stands: 8 s after the last sign of life. */
export const CONTROLLER_CHANNEL_OPTIONS: ChannelOptions = {
  ...COMMON,
  "grpc.keepalive_time_ms": 5_000,
  "grpc.keepalive_timeout_ms": 3_000,
};

/** Calls do not wait for the ping (each attempt has its own time-out): it only clears away what hangs. */
export const BROKER_CHANNEL_OPTIONS: ChannelOptions = {
  ...COMMON,
  "grpc.keepalive_time_ms": 3_000,
  "grpc.keepalive_timeout_ms": 5_000,
  // The default of 64 KiB makes a 1 MiB frame wait for many round trips.
  "grpc-node.flow_control_window": 8 * MIB,
};

/**
 * For subscriptions, of which there may be one a shard, none of whose readers need take what comes: so much of it is held here for each, and
 * the window of a connection is that of all of its streams.
 */
export const SUBSCRIPTION_CHANNEL_OPTIONS: ChannelOptions = {
  ...BROKER_CHANNEL_OPTIONS,
  "grpc-node.flow_control_window": MIB,
};
