import { fileURLToPath } from "node:url";
import { loadPackageDefinition, type MethodDefinition, type ServiceDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { decodeFrame, encodeFrame } from "./frame.ts";
import type { ProtoGrpcType as ControllerProto } from "./generated/controller.ts";
import type { ProtoGrpcType as PeerProto } from "./generated/peer.ts";
import type { ProtoGrpcType as ShardLogProto } from "./generated/shard_log.ts";

const PROTO_DIRECTORY = fileURLToPath(new URL("../../../proto/", import.meta.url));
const FRAME_TYPE_NAME = "Frame";

// The same switches as scripts/generate-proto-types.mjs.
const packageDefinition = loadSync(
  ["millrace/v1/peer.proto", "millrace/v1/shard_log.proto", "millrace/v1/controller.proto"],
  {
    includeDirs: [PROTO_DIRECTORY],
    longs: Number,
    enums: String,
    defaults: true,
    arrays: true,
    objects: true,
    oneofs: true,
    keepCase: false,
  },
);

// Frames carry raw bytes at data-path rates: their one field is written and read without a protobuf object.
for (const definition of Object.values(packageDefinition)) {
  if ("format" in definition) continue;
  for (const method of Object.values(definition as ServiceDefinition)) useRawFrames(method);
}

function useRawFrames(method: MethodDefinition<object, object>): void {
  const requestName = (method as { requestType?: { type: { name: string } } }).requestType?.type.name;
  const responseName = (method as { responseType?: { type: { name: string } } }).responseType?.type.name;
  if (requestName === FRAME_TYPE_NAME) {
    method.requestSerialize = encodeFrame as (value: object) => Buffer;
    method.requestDeserialize = decodeFrame;
  }
  if (responseName === FRAME_TYPE_NAME) {
    method.responseSerialize = encodeFrame as (value: object) => Buffer;
    method.responseDeserialize = decodeFrame;
  }
}

const loaded = loadPackageDefinition(packageDefinition) as unknown as ControllerProto & PeerProto & ShardLogProto;

/** Client constructors and service definitions of proto/, typed by the generated files. */
export const { Controller, Peer, ShardLog } = loaded.millrace.v1;
