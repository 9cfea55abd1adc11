/**
 * The Kinesis API as a graph of shapes, linked once from the generated tables. Parsing, validation and serialization
 * walk it; nothing here knows an operation by name.
 */
import { assert, defined } from "@millrace/util";
import type { ShapeDefinition } from "./definitions.ts";
import { OPERATIONS, SHAPES } from "./generated/kinesis-model.ts";
import type { OperationInputs } from "./generated/kinesis-types.ts";

export type OperationName = keyof OperationInputs;

export type Shape = StructureShape | ListShape | MapShape | StringShape | NumberShape | BlobShape | PlainShape;

interface NamedShape {
  readonly name: string;
}

export interface StructureShape extends NamedShape {
  readonly type: "structure";
  /** In the model's order. Filled while linking, since shapes may refer to each other. */
  readonly members: readonly Member[];
  readonly membersByName: ReadonlyMap<string, Member>;
  readonly isEventStream: boolean;
}

export interface Member {
  readonly name: string;
  /** As validation texts write it: `streamARN` for `StreamARN`. */
  readonly pathName: string;
  readonly shape: Shape;
  readonly isRequired: boolean;
  /** `"Name":` in UTF-8, ready to be written. */
  readonly jsonKey: string;
}

export interface ListShape extends NamedShape, Bounds {
  readonly type: "list";
  readonly member: Shape;
}

export interface MapShape extends NamedShape, Bounds {
  readonly type: "map";
  readonly key: StringShape;
  readonly value: Shape;
}

export interface StringShape extends NamedShape, Bounds {
  readonly type: "string";
  readonly pattern: Pattern | undefined;
  readonly enumValues: readonly string[] | undefined;
}

export interface NumberShape extends NamedShape, Bounds {
  readonly type: "integer" | "long";
}

export interface BlobShape extends NamedShape, Bounds {
  readonly type: "blob";
}

export interface PlainShape extends NamedShape {
  readonly type: "boolean" | "timestamp";
}

/** Both ends inclusive. Lengths count UTF-16 units, elements, pairs or bytes. */
export interface Bounds {
  readonly min: number | undefined;
  readonly max: number | undefined;
}

export interface Pattern {
  /** As error texts show it: without the model's own anchors. */
  readonly text: string;
  readonly regExp: RegExp;
}

export interface Operation {
  readonly name: OperationName;
  readonly input: StructureShape;
  /** Absent: a success is answered with an empty body. An event stream counts as an output. */
  readonly output: StructureShape | undefined;
}

const linkedShapes = new Map<string, Shape>();

/** The shape of that name; a name the model does not have is a mistake of ours. */
export function shapeOf(name: string): Shape {
  return linkedShapes.get(name) ?? linkShape(name);
}

export function structureOf(name: string): StructureShape {
  const shape = shapeOf(name);
  assert(shape.type === "structure", `${name} is a structure`);
  return shape;
}

const operations: ReadonlyMap<string, Operation> = new Map(
  Object.entries(OPERATIONS).map(([name, definition]) => [
    name,
    {
      name: name as OperationName,
      input: structureOf(definition.input),
      output: "output" in definition ? structureOf(definition.output) : undefined,
    },
  ]),
);

/** For names that come from outside. */
export function findOperation(name: string): Operation | undefined {
  return operations.get(name);
}

export function operationOf(name: OperationName): Operation {
  return defined(operations.get(name), `the model has ${name}`);
}

export const OPERATION_NAMES: readonly OperationName[] = Object.keys(OPERATIONS) as OperationName[];

function linkShape(name: string): Shape {
  const definition = defined(SHAPES[name], `the model has ${name}`);
  const { min, max } = definition;
  switch (definition.type) {
    case "structure":
      return linkStructure(name, definition);
    case "list":
      return remember({ type: "list", name, min, max, member: shapeOf(defined(definition.member, "member")) });
    case "map": {
      const key = shapeOf(defined(definition.key, "key"));
      assert(key.type === "string", "map keys are strings");
      return remember({ type: "map", name, min, max, key, value: shapeOf(defined(definition.value, "value")) });
    }
    case "string": {
      const pattern = definition.pattern === undefined ? undefined : compilePattern(definition.pattern);
      return remember({ type: "string", name, min, max, pattern, enumValues: definition.enum });
    }
    case "integer":
    case "long":
      return remember({ type: definition.type, name, min, max });
    case "blob":
      return remember({ type: "blob", name, min, max });
    case "boolean":
    case "timestamp":
      return remember({ type: definition.type, name });
  }
}

function remember(shape: Shape): Shape {
  linkedShapes.set(shape.name, shape);
  return shape;
}

function linkStructure(name: string, definition: ShapeDefinition): Shape {
  const members: Member[] = [];
  const membersByName = new Map<string, Member>();
  const isEventStream = definition.eventstream === true;
  remember({ type: "structure", name, members, membersByName, isEventStream });
  for (const [memberName, shapeName] of Object.entries(definition.members ?? {})) {
    const member = {
      name: memberName,
      pathName: memberName.charAt(0).toLowerCase() + memberName.slice(1),
      shape: shapeOf(shapeName),
      isRequired: definition.required?.includes(memberName) ?? false,
      jsonKey: `${JSON.stringify(memberName)}:`,
    };
    members.push(member);
    membersByName.set(memberName, member);
  }
  return defined(linkedShapes.get(name), "just remembered");
}

/** The newest model anchors some patterns (`^(…)$`); the service's texts show them bare, and match the whole value. */
function compilePattern(pattern: string): Pattern {
  const bare =
    /^\^\((?<group>.*)\)\$$/su.exec(pattern)?.groups?.["group"] ??
    /^\^(?<plain>[^()]*)\$$/su.exec(pattern)?.groups?.["plain"];
  return { text: bare ?? pattern, regExp: new RegExp(`^(?:${pattern})$`) };
}
