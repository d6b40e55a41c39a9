import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openCursor, sealCursor } from "./cursor.ts";
import { engine } from "./engine.ts";
import type { WrapKey } from "./installation-key.ts";

const key: WrapKey = { version: 2, key: engine.importKey(engine.randomBytes(32)) };
const otherKey: WrapKey = { version: 2, key: engine.importKey(engine.randomBytes(32)) };

describe("B-28 a cursor", () => {
  it("gives back its payload, to whom it was given", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (binding, payload) => {
        expect(openCursor(key, binding, sealCursor(key, binding, payload))).toBe(payload);
      }),
    );
  });

  it("is text that needs no escaping in a URL", () => {
    expect(sealCursor(key, "own_a keys.list", "key_1?&=/ ÿ")).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it("does not open for another owner or filter, under another key or version", () => {
    const cursor = sealCursor(key, "own_a provider=openai", "key_1");
    expect(openCursor(key, "own_b provider=openai", cursor)).toBeUndefined();
    expect(openCursor(key, "own_a provider=twilio", cursor)).toBeUndefined();
    expect(openCursor(otherKey, "own_a provider=openai", cursor)).toBeUndefined();
    expect(openCursor({ ...key, version: 3 }, "own_a provider=openai", cursor)).toBeUndefined();
    expect(openCursor(key, "own_a provider=openai", cursor)).toBe("key_1");
  });

  it("does not open with characters shifted from binding to payload", () => {
    const bytes = Buffer.from(sealCursor(key, "ab", "c"), "base64url");
    const shifted = Buffer.concat([bytes.subarray(0, 37), Buffer.from("bc")]).toString("base64url");
    expect(openCursor(key, "a", shifted)).toBeUndefined();
  });

  it("does not open when cut or with any character changed", () => {
    const cursor = sealCursor(key, "own_a", "key_1");
    for (let at = 0; at < cursor.length; at++) {
      expect(openCursor(key, "own_a", cursor.slice(0, at))).toBeUndefined();
      const changed = cursor.slice(0, at) + (cursor[at] === "A" ? "B" : "A") + cursor.slice(at + 1);
      expect(openCursor(key, "own_a", changed)).toBeUndefined();
    }
  });

  it.each(["", "A", "=", "null", "eyJhIjoxfQ==", " ", "é".repeat(60), "A".repeat(60), "A".repeat(5000), "\0".repeat(60)])("rubbish does not open: %j", (rubbish) => {
    expect(openCursor(key, "own_a", rubbish)).toBeUndefined();
  });
});
