import { CompiledQuery } from "kysely";
import type { Connections, Row } from "./connections.ts";

/** The form of `read` where one round trip cannot be had: an ordinary transaction with the same result. */
export function readInTransaction(connections: Pick<Connections, "transaction">, statements: Parameters<Connections["read"]>[0]): Promise<Row[]> {
  const { settings, before, read } = statements;
  return connections.transaction(settings, async (trx) => {
    if (before) await trx.executeQuery(CompiledQuery.raw(before.text, [...before.values]));
    return (await trx.executeQuery<Row>(CompiledQuery.raw(read.text, [...read.values]))).rows;
  });
}
