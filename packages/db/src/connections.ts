/**
 * Where connections come from: a pool of ours, a caller's pool, or a caller's Kysely. The rest of the package sees
 * transactions and sessions, and does not ask which of them is underneath.
 */
import type { Transaction } from "kysely";
import type { DB } from "./schema.generated.ts";
import type { Settings } from "./scope.ts";

export type Row = Record<string, unknown>;

/** One connection in hand, outside any transaction of ours: for migrations. */
export interface Session {
  /** Without values the text may hold several statements; the rows are the last one's. */
  query(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** A statement with a name of its own: the connection parses it once. */
export interface NamedStatement {
  name: string;
  text: string;
  values: readonly unknown[];
}

export interface Connections {
  /** Runs in a transaction that has these settings before its first statement. Errors come out translated. */
  transaction<T>(settings: Settings, run: (trx: Transaction<DB>) => Promise<T>): Promise<T>;
  /** The last statement's rows; all of them in one round trip where the driver can be reached, in one transaction everywhere. */
  read(statements: { settings: Settings; before?: NamedStatement; read: NamedStatement }): Promise<Row[]>;
  session<T>(run: (session: Session) => Promise<T>): Promise<T>;
  /** Ends what is ours; a caller's pool or Kysely stays open. */
  close(): Promise<void>;
}

/** Counts round trips: tests show with it that a cold resolution is one. */
export class RoundTrips {
  count = 0;
}
