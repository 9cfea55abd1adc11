/** The vocabulary of the generated tables: names only, no links. `shapes.ts` turns them into a graph. */
export interface ShapeDefinition {
  readonly type: "structure" | "list" | "map" | "string" | "blob" | "boolean" | "integer" | "long" | "timestamp";
  /** Length of strings, lists, maps and blobs; value of numbers. */
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  /** Of a structure: member name to shape name, in the model's order. */
  readonly members?: Readonly<Record<string, string>>;
  readonly required?: readonly string[];
  readonly exception?: boolean;
  readonly eventstream?: boolean;
  readonly event?: boolean;
  /** Of a list. */
  readonly member?: string;
  /** Of a map. */
  readonly key?: string;
  readonly value?: string;
}

export interface OperationDefinition {
  readonly input: string;
  /** Absent: AWS answers with an empty body. */
  readonly output?: string;
  /** Names of the errors the model declares. */
  readonly errors: readonly string[];
}
