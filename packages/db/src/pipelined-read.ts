/**
 * One Sync that carries several Bind/Execute pairs (the extended query protocol of PostgreSQL, "Pipelining"): the scope is
 * set, then the read runs under it, in one round trip and one implicit transaction. The setting ends with it. An error in
 * any statement skips the rest.
 */
import type pg from "pg";
import type { NamedStatement, Row } from "./connections.ts";

/** The parts of pg's Connection that a Submittable may use; @types/pg leaves them out. */
interface Wire {
  readonly stream: { cork?(): void; uncork?(): void };
  parse(message: { name: string; text: string; types: number[] }): void;
  bind(message: { portal: string; statement: string; values: (string | Buffer | null)[]; binary: boolean; valueMapper: (value: unknown) => unknown }): void;
  describe(message: { type: "P"; name: string }): void;
  execute(message: { portal: string; rows: number }): void;
  close(message: { type: "S"; name: string }): void;
  sync(): void;
}

interface Field {
  name: string;
  dataTypeID: number;
}

/** Which statements a connection has parsed: name → text. */
const parsed = new WeakMap<object, Map<string, string>>();

/** False over native bindings, and in pg's pipeline mode, which refuses custom queries. */
export function canPipeline(client: pg.PoolClient): boolean {
  const { connection, pipeline } = client as unknown as { connection?: Partial<Wire>; pipeline?: boolean };
  return typeof connection?.bind === "function" && typeof connection.sync === "function" && pipeline !== true;
}

export class PipelinedRead {
  readonly #client: pg.PoolClient;
  readonly #statements: readonly NamedStatement[];
  readonly #known: Map<string, string>;
  #stage = 0;
  #fields: Field[] = [];
  #parsers: ((text: string) => unknown)[] = [];
  readonly #rows: Row[] = [];
  #parseFailure: unknown;
  /** pg's client sets and wraps this for its query timeout. */
  callback: (error: Error | null, rows?: Row[]) => void;

  private constructor(client: pg.PoolClient, statements: readonly NamedStatement[], callback: (error: Error | null, rows?: Row[]) => void) {
    this.#client = client;
    this.#statements = statements;
    this.#known = parsed.get(client) ?? new Map<string, string>();
    parsed.set(client, this.#known);
    this.callback = callback;
  }

  /** Runs `before` in order and then `read`; resolves with the rows of `read`. Rejects with pg's own error. */
  static run(client: pg.PoolClient, before: readonly NamedStatement[], read: NamedStatement): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      const query = new PipelinedRead(client, [...before, read], (error, rows) => (error ? reject(error) : resolve(rows ?? [])));
      client.query(query as unknown as pg.Submittable);
    });
  }

  submit(wire: Wire): Error | null {
    const clash = this.#statements.find(({ name, text }) => this.#known.has(name) && this.#known.get(name) !== text);
    if (clash) return new Error(`the statement name ${clash.name} was used for another text`);
    wire.stream.cork?.();
    try {
      this.#statements.forEach(({ name, text, values }, index) => {
        if (!this.#known.has(name)) {
          // An earlier try may have parsed it and failed later; closing what is not there is no error.
          wire.close({ type: "S", name });
          wire.parse({ name, text, types: [] });
        }
        wire.bind({ portal: "", statement: name, values: values.map(toWire), binary: false, valueMapper: (value) => value });
        if (index === this.#statements.length - 1) wire.describe({ type: "P", name: "" });
        wire.execute({ portal: "", rows: 0 });
      });
    } finally {
      wire.sync();
      wire.stream.uncork?.();
    }
    return null;
  }

  handleRowDescription(message: { fields: Field[] }): void {
    this.#fields = message.fields;
    this.#parsers = message.fields.map((field) => this.#client.getTypeParser(field.dataTypeID, "text"));
  }

  handleDataRow(message: { fields: (string | null)[] }): void {
    if (this.#stage < this.#statements.length - 1 || this.#parseFailure !== undefined) return;
    try {
      const row: Row = {};
      for (const [index, { name }] of this.#fields.entries()) {
        const text = message.fields[index];
        row[name] = text === null || text === undefined ? null : this.#parsers[index]!(text);
      }
      this.#rows.push(row);
    } catch (error) {
      this.#parseFailure = error;
    }
  }

  handleCommandComplete(): void {
    this.#stage += 1;
  }

  handleReadyForQuery(): void {
    for (const { name, text } of this.#statements) this.#known.set(name, text);
    if (this.#parseFailure === undefined) this.callback(null, this.#rows);
    else this.callback(this.#parseFailure instanceof Error ? this.#parseFailure : new Error("a value could not be read"));
  }

  handleError(error: Error): void {
    // Which of the new statements were parsed is unknown now: each is closed and parsed again at its next use.
    for (const { name } of this.#statements) this.#known.delete(name);
    this.callback(error);
  }

  handlePortalSuspended(): void {}
  handleEmptyQuery(): void {}
  handleCopyData(): void {}
  handleCopyInResponse(): void {
    this.handleError(new Error("a read cannot be a COPY"));
  }
}

/** A value as text of the wire protocol, as pg would send it. */
function toWire(value: unknown): string | Buffer | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `{${value.map(toElement).join(",")}}`;
  if (typeof value === "object") return JSON.stringify(value);
  return String(value as number | bigint | boolean);
}

function toElement(value: unknown): string {
  const text = toWire(value);
  if (text === null) return "NULL";
  if (typeof text !== "string") return `"\\\\x${text.toString("hex")}"`;
  return Array.isArray(value) ? text : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
