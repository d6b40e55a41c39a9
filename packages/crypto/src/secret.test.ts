import assert from "node:assert";
import { Console } from "node:console";
import { channel } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import { stringify } from "node:querystring";
import { PassThrough } from "node:stream";
import { format, inspect, styleText } from "node:util";
import { serialize } from "node:v8";
import { describe, expect, it } from "vitest";
import { EncryptionError } from "./errors.ts";
import { Secret } from "./secret.ts";

const canary = "sk-canary-7f3a";
const secret = new Secret(canary);
const nested = new Secret({ apiKey: canary, list: [canary], map: new Map([["k", canary]]) });
const carriers = [secret, nested, { secret, nested, deep: [{ nested }] }, new Map([["k", nested]]), new Set([secret])];

/** What a console of its own wrote. */
function printed(write: (to: Console) => void): string {
  const stream = new PassThrough();
  write(new Console({ stdout: stream, stderr: stream }));
  return String(stream.read());
}
function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return inspect(error, { depth: 10, showHidden: true });
  }
  throw new Error("It did not throw.");
}

/** Everything by which a value has been seen to reach a log. Each gets a secret, or something that holds one. */
const sinks: Record<string, (value: unknown) => string> = {
  template: (value) => `${Object(value)}`,
  concatenation: (value) => "" + Object(value),
  String: (value) => String(value),
  "Array.join": (value) => [value, value].join(),
  "Object.toLocaleString": (value) => Object(value).toLocaleString(),
  "Object.prototype.toString": (value) => Object.prototype.toString.call(value),
  JSON: (value) => JSON.stringify(value),
  "JSON, nested and indented": (value) => JSON.stringify({ level: 30, msg: "call", value: [value] }, null, 2),
  "JSON of own properties": (value) => JSON.stringify(Object.getOwnPropertyDescriptors(Object(value))),
  "Object.entries": (value) => JSON.stringify(Object.entries(Object(value))),
  spread: (value) => inspect({ ...Object(value) }, { depth: 10 }),
  "Object.assign": (value) => inspect(Object.assign({}, value), { depth: 10 }),
  "own keys": (value) => inspect(Reflect.ownKeys(Object(value))),
  inspect: (value) => inspect(value),
  "inspect, depth 10": (value) => inspect(value, { depth: 10 }),
  "inspect, all of it": (value) => inspect(value, { depth: Infinity, showHidden: true, getters: true, showProxy: true, customInspect: false }),
  "util.format %s %d %j %o %O": (value) => format("%s %d %j %o %O", value, value, value, value, value),
  "console.log": (value) => printed((to) => to.log("value", value)),
  "console.error": (value) => printed((to) => to.error(value)),
  "console.dir": (value) => printed((to) => to.dir(value, { depth: 10, showHidden: true })),
  "console.table": (value) => printed((to) => to.table([{ value }])),
  structuredClone: (value) => inspect(structuredClone(value), { depth: 10, showHidden: true }),
  "v8.serialize": (value) => serialize(value).toString("latin1"),
  "error message": (value) => inspect(new Error(`failed for ${Object(value)}`)),
  "error cause": (value) => inspect(new EncryptionError("failed", { cause: value }), { depth: 10, showHidden: true }),
  "error details": (value) => JSON.stringify(new EncryptionError("failed", { details: { value } })),
  "AggregateError": (value) => inspect(new AggregateError([value]), { depth: 10 }),
  "assert difference": (value) => messageOf(() => assert.deepStrictEqual({ value }, { value: canary.length })),
  "vitest difference": (value) => messageOf(() => expect({ value }).toEqual({ value: null })),
  "query string": (value) => stringify({ value: String(value) }) + new URLSearchParams({ value: String(value) }).toString(),
  "URL": (value) => new URL(`https://example.test/${Object(value)}`).href,
  "header": (value) => JSON.stringify([...new Headers({ "x-value": String(value) })]),
  "symbol": (value) => Symbol(String(value)).toString(),
  "styled text": (value) => styleText("red", String(value)),
  "event": (value) => {
    const seen: unknown[] = [];
    new EventEmitter().on("x", (given: unknown) => seen.push(given)).emit("x", value);
    return inspect(seen, { depth: 10 });
  },
  "diagnostics channel": (value) => {
    const seen: unknown[] = [];
    const subscriber = (message: unknown) => void seen.push(message);
    channel("byok.test").subscribe(subscriber);
    channel("byok.test").publish({ value });
    channel("byok.test").unsubscribe(subscriber);
    return JSON.stringify(seen) + inspect(seen, { depth: 10 });
  },
};

describe("S-78 a secret", () => {
  it("is tried on 25 sinks and more", () => {
    expect(Object.keys(sinks).length).toBeGreaterThanOrEqual(25);
  });

  it.each(Object.entries(sinks))("does not come out of: %s", (_, sink) => {
    for (const carrier of carriers) expect(sink(carrier)).not.toContain("canary");
  });

  it.each(Object.entries(sinks))("and the same value outside a Secret does come out, so the sink is a real one: %s", (_, sink) => {
    const bare = { toString: () => canary, toLocaleString: () => canary, canary, get [Symbol.toStringTag]() {
      return canary;
    } };
    const shown = [canary, bare, [canary], Object(canary), { canary }].some((value) => {
      try {
        return sink(value).includes("canary");
      } catch (error) {
        // A function cannot be cloned; the other forms of the value tell.
        if (error instanceof Error && error.message.includes("could not be cloned")) return false;
        throw error;
      }
    });
    expect(shown).toBe(true);
  });

  it.each([
    ["as text", String(secret)],
    ["as JSON", JSON.parse(JSON.stringify(secret))],
    ["inspected", inspect(secret)],
    ["inspected deep inside", inspect({ a: { b: { c: { secret } } } }, { depth: 10 }).match(/\[.*\]/)?.[0]],
  ])("%s is [secret]", (_, shown) => {
    expect(shown).toBe("[secret]");
  });

  it("as a number is none", () => {
    expect(Number(new Secret(42))).toBeNaN();
  });

  it("is told by reveal(), and only by it", () => {
    expect(secret.reveal()).toBe(canary);
    expect(nested.reveal().list).toEqual([canary]);
    expect(Reflect.ownKeys(secret)).toEqual([]);
  });
});
