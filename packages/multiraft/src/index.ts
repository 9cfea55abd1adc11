export { NotLeader } from "./errors.ts";
export {
  type ConnectPeer,
  GrpcPeerTransport,
  type GrpcTransportOptions,
  PEER_CHANNEL_OPTIONS,
  type PeerStream,
} from "./grpc-transport.ts";
export { createRaftHost, type RaftHostOptions, type RaftHostStats } from "./host.ts";
export { decodeStoredState, encodeStoredState, type StoredState } from "./stored-state.ts";
export type * from "./types.ts";
export { decodePeerFrame, encodePeerFrame, MalformedPeerFrame, WIRE_VERSION } from "./wire.ts";
