import { inspect } from "node:util";
import { expect, test } from "vitest";
import { guardPrinting } from "./guard-printing.ts";

test("a guarded object prints nowhere, nested ones neither, and reads, spreads and enumerates as usual", () => {
  const guarded = guardPrinting({ keyId: "key_1", secret: "canary", inner: { secret: "canary", list: [{ secret: "canary" }] } }, "ActiveKey");
  const texts = [JSON.stringify({ guarded }), inspect(guarded, { depth: 10, showHidden: true }), `${guarded as unknown as string}`, JSON.stringify(guarded.inner), inspect(guarded.inner.list[0])];
  for (const text of texts) expect(text).not.toContain("canary");
  expect(guarded.secret).toBe("canary");
  expect(Object.keys(guarded)).toEqual(["keyId", "secret", "inner"]);
  expect({ ...guarded.inner }.secret).toBe("canary");
  expect(Object.isFrozen(guarded.inner)).toBe(true);
});
