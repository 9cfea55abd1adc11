/** The model's constraints over a typed input, in the words of AWS: all violations, at most ten. */
import { awsError } from "../errors.ts";
import type {
  Bounds,
  ListShape,
  MapShape,
  OperationName,
  Shape,
  StringShape,
  StructureShape,
} from "../model/shapes.ts";
import type { ApiStructure, ApiValue } from "./read-input.ts";

export interface ValidationHooks {
  /**
   * Puts to a stream whose record distribution is AUTO may leave the partition key out; for all others it is required,
   * although the newest model no longer says so. Asked only when a key is missing.
   */
  readonly isPartitionKeyOptional?: (input: ApiStructure) => boolean;
}

const VIOLATIONS_MAX = 10;

/** @throws AwsError VALIDATION */
export function validateInput(
  operation: OperationName,
  shape: StructureShape,
  input: ApiStructure,
  hooks: ValidationHooks,
): void {
  const check = new ConstraintCheck();
  check.structure(shape, input, "");
  if (operation === "PutRecord") check.partitionKeys([input], input, hooks);
  if (operation === "PutRecords" && "Records" in input) {
    check.partitionKeys(input["Records"] as readonly (ApiStructure | null)[], input, hooks);
  }
  if (check.violations.length > 0) throw awsError("VALIDATION", { violations: check.violations });
}

const NOT_NULL = "Member must not be null";

class ConstraintCheck {
  readonly violations: string[] = [];

  structure(shape: StructureShape, structure: ApiStructure, prefix: string): void {
    for (const member of shape.members) {
      if (this.#isFull) return;
      const path = prefix + member.pathName;
      const value = structure[member.name];
      if (value === undefined) {
        if (member.isRequired) this.#report(null, path, NOT_NULL);
      } else {
        this.#value(member.shape, value, path);
      }
    }
  }

  partitionKeys(entries: readonly (ApiStructure | null)[], input: ApiStructure, hooks: ValidationHooks): void {
    const missing = [...entries.keys()].filter(
      (index) => entries[index]?.["PartitionKey"] === undefined && entries[index] !== null,
    );
    if (missing.length === 0 || hooks.isPartitionKeyOptional?.(input) === true) return;
    for (const index of missing) {
      const prefix = entries[index] === input ? "" : `records.${index + 1}.member.`;
      this.#report(null, `${prefix}partitionKey`, NOT_NULL);
    }
  }

  get #isFull(): boolean {
    return this.violations.length >= VIOLATIONS_MAX;
  }

  #report(value: ApiValue | null, path: string, constraint: string): void {
    if (this.#isFull) return;
    this.violations.push(`Value ${printValue(value)} at '${path}' failed to satisfy constraint: ${constraint}`);
  }

  #value(shape: Shape, value: ApiValue, path: string): void {
    switch (shape.type) {
      case "structure":
        return this.structure(shape, value as ApiStructure, `${path}.`);
      case "list":
        return this.#list(shape, value as readonly (ApiValue | null)[], path);
      case "map":
        return this.#map(shape, value as ReadonlyMap<string, ApiValue | null>, path);
      case "string":
        for (const constraint of brokenStringConstraints(shape, value as string)) this.#report(value, path, constraint);
        return;
      case "integer":
      case "long":
        return this.#bounds(shape, value as number, value, path, "value");
      case "blob":
        return this.#bounds(shape, (value as Uint8Array).length, value, path, "length");
      case "boolean":
      case "timestamp":
        return;
    }
  }

  #bounds(bounds: Bounds, measure: number, value: ApiValue, path: string, noun: "value" | "length"): void {
    for (const constraint of brokenBounds(bounds, measure, noun)) this.#report(value, path, constraint);
  }

  #list(shape: ListShape, list: readonly (ApiValue | null)[], path: string): void {
    this.#bounds(shape, list.length, list as readonly ApiValue[], path, "length");
    const { member } = shape;
    if (member.type === "string" && list.some((element) => breaks(member, element))) {
      this.#report(list as readonly ApiValue[], path, `Member must satisfy constraint: [${describe(member)}]`);
    }
    for (const [index, element] of list.entries()) {
      if (this.#isFull) return;
      const elementPath = `${path}.${index + 1}.member`;
      if (element === null) this.#report(null, elementPath, NOT_NULL);
      else if (member.type !== "string") this.#value(member, element, elementPath);
    }
  }

  #map(shape: MapShape, map: ReadonlyMap<string, ApiValue | null>, path: string): void {
    this.#bounds(shape, map.size, map, path, "length");
    const { key: keyShape, value: valueShape } = shape;
    if ([...map.keys()].some((key) => breaks(keyShape, key))) {
      this.#report(map, path, `Map keys must satisfy constraint: [${describe(keyShape)}]`);
    }
    if (valueShape.type === "string" && [...map.values()].some((value) => breaks(valueShape, value))) {
      this.#report(map, path, `Map value must satisfy constraint: [${describe(valueShape)}]`);
    }
    for (const [key, value] of map) {
      if (this.#isFull) return;
      const valuePath = `${path}.${shorten(key)}.member`;
      if (value === null) this.#report(null, valuePath, NOT_NULL);
      else if (valueShape.type !== "string") this.#value(valueShape, value, valuePath);
    }
  }
}

/** Null is reported in its own way, at its own place. */
function breaks(shape: StringShape, value: ApiValue | null): boolean {
  return typeof value === "string" && brokenStringConstraints(shape, value).length > 0;
}

/** The constraints that a value of the shape fails, described; empty if it is fine. */
export function brokenStringConstraints(shape: StringShape, value: string): string[] {
  const broken = brokenBounds(shape, value.length, "length");
  if (shape.pattern !== undefined && !matches(shape, value)) {
    broken.unshift(`Member must satisfy regular expression pattern: ${shape.pattern.text}`);
  }
  if (shape.enumValues !== undefined && !shape.enumValues.includes(value)) {
    broken.push(enumConstraint(shape.enumValues));
  }
  return broken;
}

const COLONS_MAX = 16;

/**
 * The ARN patterns (`arn:aws.*:kinesis:.*:…`) backtrack in the cube of the length on hostile input. A value beyond its
 * own maximum length, or with more colons than any ARN has, is therefore not matched: the first is refused already, the
 * second as if the pattern had failed.
 */
function matches(shape: StringShape, value: string): boolean {
  const pattern = shape.pattern;
  if (pattern === undefined) return true;
  if (pattern.text.includes(".*")) {
    if (shape.max !== undefined && value.length > shape.max) return true;
    if (value.split(":", COLONS_MAX + 2).length > COLONS_MAX + 1) return false;
  }
  return pattern.regExp.test(value);
}

function brokenBounds({ min, max }: Bounds, measure: number, noun: "value" | "length"): string[] {
  const broken: string[] = [];
  if (max !== undefined && measure > max) broken.push(atMost(max, noun));
  if (min !== undefined && measure < min) broken.push(atLeast(min, noun));
  return broken;
}

function atMost(max: number, noun: "value" | "length"): string {
  return `Member must have ${noun} less than or equal to ${max}`;
}

function atLeast(min: number, noun: "value" | "length"): string {
  return `Member must have ${noun} greater than or equal to ${min}`;
}

/** Where real texts are known, their order is kept: it is that of a Java hash set. */
const ENUM_ORDERS: readonly (readonly string[])[] = [
  ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"],
];

function enumConstraint(values: readonly string[]): string {
  const known = ENUM_ORDERS.find((order) => order.length === values.length && order.every((v) => values.includes(v)));
  return `Member must satisfy enum value set: [${(known ?? values).join(", ")}]`;
}

/** All constraints of a string, for texts about the elements of a list or map. */
function describe(shape: StringShape): string {
  const parts: string[] = [];
  if (shape.max !== undefined) parts.push(atMost(shape.max, "length"));
  if (shape.min !== undefined) parts.push(atLeast(shape.min, "length"));
  if (shape.pattern !== undefined) parts.push(`Member must satisfy regular expression pattern: ${shape.pattern.text}`);
  if (shape.enumValues !== undefined) parts.push(enumConstraint(shape.enumValues));
  return parts.join(", ");
}

const PRINTED_CHARS_MAX = 4096;

/** Error texts repeat values; a repetition of megabytes helps nobody. */
export function shorten(text: string): string {
  return text.length <= PRINTED_CHARS_MAX ? text : `${text.slice(0, PRINTED_CHARS_MAX)}...`;
}

function printValue(value: ApiValue | null): string {
  return value === null ? "null" : `'${shorten(printBare(value))}'`;
}

function printBare(value: ApiValue | null): string {
  if (value instanceof Uint8Array) return `java.nio.HeapByteBuffer[pos=0 lim=${value.length} cap=${value.length}]`;
  if (value instanceof Map)
    return `{${printSome([...(value as ReadonlyMap<string, ApiValue | null>)], ([key, element]) => `${key}=${printBare(element)}`)}}`;
  if (Array.isArray(value)) return `[${printSome(value as readonly (ApiValue | null)[], printBare)}]`;
  if (typeof value === "object" && value !== null) return printStructure(value as ApiStructure);
  return String(value);
}

/** Stops when enough is printed for `shorten` to cut. */
function printSome<T>(elements: readonly T[], print: (element: T) => string): string {
  let text = "";
  for (const [index, element] of elements.entries()) {
    text += `${index === 0 ? "" : ", "}${shorten(print(element))}`;
    if (text.length > PRINTED_CHARS_MAX) break;
  }
  return text;
}

/** Java's default `toString`: class name and hash. Only lists of put entries have been seen on AWS. */
function printStructure(structure: ApiStructure): string {
  let hash = 17;
  for (const element of Object.values(structure)) {
    const text = printBare(element ?? null).slice(0, 256);
    for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  }
  return `com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry@${(hash >>> 0).toString(16)}`;
}
