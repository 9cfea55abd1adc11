/** From an operation's output, or an error, to the bytes of a body. Driven by the model; absent members are left out. */
import { assert } from "@millrace/util";
import type { AwsError } from "../errors.ts";
import type { OperationOutputs } from "../model/generated/kinesis-types.ts";
import { operationOf, shapeOf, type OperationName, type Shape } from "../model/shapes.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { ApiMap, ApiStructure, ApiValue } from "./read-input.ts";
import type { Encoding } from "./wire-value.ts";

const EMPTY = Buffer.alloc(0);

/** Operations without an output shape answer with a zero-length body. */
export function serializeOutput<N extends OperationName>(
  operation: N,
  encoding: Encoding,
  value: OperationOutputs[N],
): Buffer {
  const { output } = operationOf(operation);
  if (output === undefined) return EMPTY;
  assert(value !== undefined, `${operation} has an output`);
  return serializeShape(output.name, encoding, value);
}

/** Serializes a value of any shape of the model, such as the events of a stream. */
export function serializeShape(shapeName: string, encoding: Encoding, value: object): Buffer {
  const writer = new ByteWriter();
  const write = encoding === "json" ? writeJson : writeCbor;
  write(writer, shapeOf(shapeName), value as ApiStructure);
  return writer.finish();
}

/** `{"__type", "message"}`; the bare name, no namespace. Bare errors have no text, type errors a `Message`. */
export function serializeError(encoding: Encoding, error: AwsError): Buffer {
  const { awsName, text, messageMember } = error;
  if (encoding === "json") {
    return Buffer.from(JSON.stringify({ __type: awsName, ...(text === undefined ? {} : { [messageMember]: text }) }));
  }
  const writer = new ByteWriter();
  writeCborHead(writer, CBOR_MAP, text === undefined ? 1 : 2);
  writeCborText(writer, "__type");
  writeCborText(writer, awsName);
  if (text !== undefined) {
    writeCborText(writer, messageMember);
    writeCborText(writer, text);
  }
  return writer.finish();
}

function writeJson(writer: ByteWriter, shape: Shape, value: ApiValue): void {
  switch (shape.type) {
    case "structure": {
      let separator = "{";
      for (const member of shape.members) {
        const element = (value as ApiStructure)[member.name];
        if (element === undefined) continue;
        writer.ascii(separator);
        writer.ascii(member.jsonKey);
        writeJson(writer, member.shape, element);
        separator = ",";
      }
      return writer.ascii(separator === "{" ? "{}" : "}");
    }
    case "list": {
      let separator = "[";
      for (const element of value as readonly ApiValue[]) {
        writer.ascii(separator);
        writeJson(writer, shape.member, element);
        separator = ",";
      }
      return writer.ascii(separator === "[" ? "[]" : "]");
    }
    case "map": {
      let separator = "{";
      for (const [key, element] of value as ApiMap) {
        writer.ascii(separator);
        writer.utf8(`${JSON.stringify(key)}:`);
        writeJson(writer, shape.value, element as ApiValue);
        separator = ",";
      }
      return writer.ascii(separator === "{" ? "{}" : "}");
    }
    case "string":
      return writer.utf8(JSON.stringify(value));
    case "integer":
    case "long":
    case "boolean":
      return writer.ascii(String(value));
    case "timestamp":
      // Epoch seconds with the milliseconds as fraction; the shortest form that reads back as the same double.
      return writer.ascii(String((value as number) / 1000));
    case "blob":
      writer.ascii('"');
      writer.base64(value as Uint8Array);
      return writer.ascii('"');
  }
}

const CBOR_UNSIGNED = 0;
const CBOR_NEGATIVE = 1;
const CBOR_BYTES = 2;
const CBOR_TEXT = 3;
const CBOR_ARRAY = 4;
const CBOR_MAP = 5;
const CBOR_FALSE = 0xf4;
const CBOR_TRUE = 0xf5;
/** Tag 1, a timestamp. */
const CBOR_TIMESTAMP = 0xc1;

function writeCbor(writer: ByteWriter, shape: Shape, value: ApiValue): void {
  switch (shape.type) {
    case "structure": {
      const structure = value as ApiStructure;
      const present = shape.members.filter((member) => structure[member.name] !== undefined);
      writeCborHead(writer, CBOR_MAP, present.length);
      for (const member of present) {
        writeCborText(writer, member.name);
        writeCbor(writer, member.shape, structure[member.name] as ApiValue);
      }
      return;
    }
    case "list": {
      const list = value as readonly ApiValue[];
      writeCborHead(writer, CBOR_ARRAY, list.length);
      for (const element of list) writeCbor(writer, shape.member, element);
      return;
    }
    case "map": {
      const map = value as ApiMap;
      writeCborHead(writer, CBOR_MAP, map.size);
      for (const [key, element] of map) {
        writeCborText(writer, key);
        writeCbor(writer, shape.value, element as ApiValue);
      }
      return;
    }
    case "string":
      return writeCborText(writer, value as string);
    case "integer":
    case "long":
      return writeCborInteger(writer, value as number);
    case "boolean":
      return writer.uint8(value === true ? CBOR_TRUE : CBOR_FALSE);
    case "timestamp":
      // Integer milliseconds, never a float: that is what the Java SDKs can read.
      writer.uint8(CBOR_TIMESTAMP);
      return writeCborInteger(writer, Math.floor(value as number));
    case "blob":
      writeCborHead(writer, CBOR_BYTES, (value as Uint8Array).length);
      return writer.bytes(value as Uint8Array);
  }
}

function writeCborInteger(writer: ByteWriter, value: number): void {
  assert(Number.isSafeInteger(value), "integers of the API are safe integers");
  if (value < 0) writeCborHead(writer, CBOR_NEGATIVE, -1 - value);
  else writeCborHead(writer, CBOR_UNSIGNED, value);
}

function writeCborText(writer: ByteWriter, text: string): void {
  const bytes = Buffer.from(text, "utf8");
  writeCborHead(writer, CBOR_TEXT, bytes.length);
  writer.bytes(bytes);
}

/** The initial byte and the argument, in the shortest form. */
function writeCborHead(writer: ByteWriter, major: number, argument: number): void {
  const initial = major << 5;
  if (argument < 24) return writer.uint8(initial | argument);
  if (argument < 0x100) {
    writer.uint8(initial | 24);
    return writer.uint8(argument);
  }
  if (argument < 0x10000) {
    writer.uint8(initial | 25);
    return writer.uint16(argument);
  }
  if (argument < 0x100000000) {
    writer.uint8(initial | 26);
    return writer.uint32(argument);
  }
  writer.uint8(initial | 27);
  return writer.uint64(argument);
}
