/**
 * From wire values to an operation's input: types first (SerializationException, the first one found), constraints
 * after (`validate-input.ts`). Unknown and null members are left out, as AWS does.
 */
import { awsError } from "../errors.ts";
import type { OperationInputs } from "../model/generated/kinesis-types.ts";
import { operationOf, type OperationName, type Shape, type StructureShape } from "../model/shapes.ts";
import { base64Problem, decodeBase64 } from "./base64.ts";
import { readCbor } from "./read-cbor.ts";
import { readJson } from "./read-json.ts";
import { shorten, validateInput, type ValidationHooks } from "./validate-input.ts";
import { CborTimestamp, isWireList, isWireMap, type Encoding, type WireMap, type WireValue } from "./wire-value.ts";

/** A typed value: what the generated interfaces describe, seen without their names. */
export type ApiValue = string | number | boolean | Uint8Array | readonly ApiValue[] | ApiMap | ApiStructure;
export type ApiMap = ReadonlyMap<string, ApiValue | null>;
export interface ApiStructure {
  readonly [member: string]: ApiValue | undefined;
}

/**
 * Reads, type checks and validates a body.
 * @throws AwsError SERIALIZATION, WRONG_TYPE or VALIDATION, with the texts of AWS
 */
export function parseInput<N extends OperationName>(
  operation: N,
  encoding: Encoding,
  body: Buffer,
  hooks: ValidationHooks = {},
): OperationInputs[N] {
  const { input } = operationOf(operation);
  const structure = readStructure(input, readDocument(encoding, body), encoding);
  validateInput(operation, input, structure, hooks);
  return structure as unknown as OperationInputs[N];
}

/**
 * Reads a body that must be a map or a list: AWS answers a bare scalar like a syntax error, a list like a wrong type.
 * @throws AwsError SERIALIZATION
 */
export function readDocument(encoding: Encoding, body: Buffer): WireMap | readonly WireValue[] {
  const document = encoding === "json" ? readJson(body) : readCbor(body);
  if (!isWireMap(document) && !isWireList(document)) throw awsError("SERIALIZATION", {});
  return document;
}

function readStructure(shape: StructureShape, value: WireValue, encoding: Encoding): ApiStructure {
  if (isWireList(value)) throw wrongType(LIST_FOUND);
  if (!isWireMap(value)) throw wrongType("Expected null");
  const structure: Record<string, ApiValue> = {};
  for (const member of shape.members) {
    if (!Object.hasOwn(value, member.name)) continue;
    const wire = value[member.name] as WireValue;
    if (wire !== null) structure[member.name] = readValue(member.shape, wire, encoding);
  }
  return structure;
}

const LIST_FOUND = "Start of list found where not expected";
const STRUCTURE_FOUND = "Start of structure or map found where not expected.";

function wrongType(text: string): Error {
  return awsError("WRONG_TYPE", { text });
}

function readValue(shape: Shape, value: WireValue, encoding: Encoding): ApiValue {
  switch (shape.type) {
    case "structure":
      return readStructure(shape, value, encoding);
    case "list":
      if (isWireMap(value)) throw wrongType(STRUCTURE_FOUND);
      if (!isWireList(value)) throw wrongType("Expected list or null");
      // A null element stays: validation names its place.
      return value.map((element) =>
        element === null ? (null as unknown as ApiValue) : readValue(shape.member, element, encoding),
      );
    case "map": {
      if (isWireList(value)) throw wrongType(LIST_FOUND);
      if (!isWireMap(value)) throw wrongType("Expected map or null");
      const map = new Map<string, ApiValue | null>();
      for (const [key, element] of Object.entries(value)) {
        map.set(key, element === null ? null : readValue(shape.value, element, encoding));
      }
      return map;
    }
    default:
      return readScalar(shape.type, value, encoding);
  }
}

type ScalarType = Exclude<Shape["type"], "structure" | "list" | "map">;

function readScalar(type: ScalarType, value: WireValue, encoding: Encoding): ApiValue {
  if (isWireList(value)) throw wrongType(LIST_FOUND);
  if (isWireMap(value)) throw wrongType(STRUCTURE_FOUND);
  switch (type) {
    case "string":
      if (typeof value === "string") return value;
      break;
    case "integer":
      if (typeof value === "number") return Math.min(2147483647, Math.max(-2147483648, floor(value)));
      break;
    case "long":
      if (typeof value === "number") return floor(value);
      break;
    case "boolean":
      if (typeof value === "boolean") return value;
      if (typeof value === "string") return readBooleanText(value);
      break;
    case "timestamp":
      if (typeof value === "number") return floor(encoding === "json" ? Math.round(value * 1000) : value);
      if (value instanceof CborTimestamp) return floor(value.epochMs);
      break;
    case "blob":
      if (value instanceof Uint8Array) return value;
      if (typeof value === "string") return readBase64Text(value);
      break;
  }
  throw wrongType(`class ${javaClass(value)} can not be converted to ${TARGET_NAMES[type]}`);
}

/** CBOR has NaN and infinities; JSON has 1e999. */
function floor(value: number): number {
  return Number.isNaN(value)
    ? 0
    : Math.floor(Math.min(Number.MAX_SAFE_INTEGER, Math.max(Number.MIN_SAFE_INTEGER, value)));
}

const TARGET_NAMES: { readonly [T in ScalarType]: string } = {
  string: "an String",
  integer: "an Integer",
  long: "an Long",
  boolean: "an Boolean",
  blob: "a Blob",
  timestamp: "milliseconds since epoch",
};

function javaClass(value: WireValue): string {
  switch (typeof value) {
    case "boolean":
      return "java.lang.Boolean";
    case "string":
      return "java.lang.String";
    case "number":
      return "com.amazon.coral.value.json.numbers.TruncatingBigNumber";
    default:
      // CBOR only, where no answer of AWS is known.
      return value instanceof CborTimestamp ? "java.util.Date" : "java.nio.HeapByteBuffer";
  }
}

function readBooleanText(text: string): boolean {
  switch (text.toLowerCase()) {
    case "true":
    case "1":
    case "yes":
      return true;
    case "false":
    case "0":
    case "no":
      return false;
    default:
      throw wrongType(`'${shorten(text.toUpperCase())}' can not be converted to an Boolean`);
  }
}

function readBase64Text(text: string): Uint8Array {
  const bytes = Buffer.from(text, "utf8");
  // By its bytes: what is no base64 may have more of them than characters.
  const target = Buffer.allocUnsafe(Math.ceil(bytes.length / 4) * 3);
  const sizeBytes = decodeBase64(bytes, 0, bytes.length, target, 0);
  if (sizeBytes !== -1) return target.subarray(0, sizeBytes);
  const problem = base64Problem(text) ?? "Invalid Base64 character";
  throw wrongType(`'${shorten(text)}' can not be converted to a Blob: ${problem}`);
}
