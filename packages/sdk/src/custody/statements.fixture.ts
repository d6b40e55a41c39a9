import pg from "pg";

/** Tells of each statement that this process sends, right after it was sent. @returns what puts an end to it */
export function onEachStatement(tell: (text: string, client: pg.Client) => void): () => void {
  // oxlint-disable-next-line typescript/unbound-method -- it is put back on the same prototype
  const query = pg.Client.prototype.query as (...given: unknown[]) => unknown;
  pg.Client.prototype.query = function told(this: pg.Client, ...given: unknown[]) {
    const answer = query.apply(this, given);
    const [first] = given as [string | { text?: string }];
    tell(typeof first === "string" ? first : (first.text ?? ""), this);
    return answer;
  } as typeof pg.Client.prototype.query;
  return () => {
    pg.Client.prototype.query = query as typeof pg.Client.prototype.query;
  };
}
