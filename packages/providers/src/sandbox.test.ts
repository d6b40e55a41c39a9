/** Our probes, classifiers and meters against the sandbox's HTTP, which the vendors' own SDKs take for the vendors. */
import { startSandbox } from "@stack-2025/byok-sandbox";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { providerFor } from "./registry.ts";
import { feed, sampleEvents } from "./sample.ts";
import type { Sandbox } from "@stack-2025/byok-sandbox";
import type { KeyData } from "./key-data.ts";
import type { Ask, MeteredCall, Provider, VendorRequest } from "./provider.ts";

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox();
});
afterEach(() => {
  sandbox.reset();
});
afterAll(async () => {
  await sandbox.close();
});

const now = new Date("2026-11-24T10:00:00Z");

/** A provider that the sandbox has, and its keys here. */
interface Standing {
  type: "openai" | "anthropic" | "twilio";
  provider: Provider;
  keys: unknown[];
}
const account = { accountSid: "AC00000000000000000000000000000000" };
const standing: Standing[] = [
  { type: "openai", provider: providerFor("openai"), keys: [{ apiKey: "sk-test-0123456789abcdefghij" }] },
  { type: "anthropic", provider: providerFor("anthropic"), keys: [{ apiKey: "sk-ant-test-0123456789abcdefghij" }] },
  {
    type: "twilio",
    provider: providerFor("twilio"),
    keys: [
      { ...account, authToken: "00000000000000000000000000000001" },
      { ...account, apiKeySid: "SK00000000000000000000000000000000", apiKeySecret: "00000000000000000000000000000002" },
    ],
  },
];

async function send(type: Standing["type"], { method, path, headers }: VendorRequest, body?: string) {
  const response = await fetch(`${sandbox.baseUrl(type)}${path}`, { method, headers, body: body ?? null });
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
}

const askOf =
  (type: Standing["type"]): Ask =>
  ({ method, path, headers, body }) =>
    send(type, { method, path, headers: headers ?? {} }, body);

const rows = standing.flatMap(({ type, provider, keys }) => keys.map((given) => [type, provider, provider.parse(given)] as const));

describe.each(rows)("a probe of %s", (type, provider, keyData: KeyData) => {
  const probe = () => provider.probe(keyData, askOf(type), now);

  test("finds a good key alive", async () => {
    await expect(probe()).resolves.toMatchObject({ outcome: "alive" });
  });

  test.each(["invalid", "revoked"] as const)("finds an %s key dead, for certain", async (kind) => {
    sandbox.script(provider.principal(keyData), { kind });
    await expect(probe()).resolves.toMatchObject({ outcome: "refused", failure: { verdict: "invalid", certain: true } });
  });

  test("finds a scoped key alive", async () => {
    sandbox.script(provider.principal(keyData), { kind: "scoped" });
    await expect(probe()).resolves.toMatchObject({ outcome: "alive" });
  });

  test.each([
    [{ kind: "rate_limited" }, "rate_limited"],
    [{ kind: "server_error" }, "transient"],
    [{ kind: "server_error", status: 502 }, "transient"],
  ] as const)("blames no key for %o", async (fault, verdict) => {
    sandbox.script(provider.principal(keyData), fault);
    await expect(probe()).resolves.toMatchObject({ outcome: "refused", failure: { verdict } });
  });
});

interface Streamed {
  type: Standing["type"];
  path: string;
  body: Record<string, unknown>;
}
const streams: Streamed[] = [
  { type: "openai", path: "/v1/chat/completions", body: { model: "gpt-6-luna", stream: true, messages: [{ role: "user", content: "Hello" }] } },
  { type: "openai", path: "/v1/responses", body: { model: "gpt-6-luna", stream: true, input: "Hello" } },
  { type: "anthropic", path: "/v1/messages", body: { model: "claude-opus-5-5", stream: true, max_tokens: 64, messages: [{ role: "user", content: "Hello" }] } },
];

describe.each(streams)("a stream of $type $path", ({ type, path, body }) => {
  const provider = providerFor(type);
  const keyData = provider.parse(standing.find((one) => one.type === type)?.keys[0]);

  /** Sends the call as the rooms above do, and feeds the answer to the meter. */
  async function metered() {
    const route = provider.route("POST", path);
    if (!route) throw new Error(`no ${path} of ${type}`);
    const asked = provider.meter.ask(route, body);
    const call: MeteredCall = { route, path, body: asked ?? body, askedByUs: asked !== undefined };
    const request = provider.authorize({ method: "POST", path, headers: { "content-type": "application/json", "anthropic-version": "2023-06-01" } }, keyData);
    const answer = await send(type, request, JSON.stringify(asked ?? body)).catch(() => undefined);
    const meter = provider.meter.stream(call);
    const events = answer ? sampleEvents(answer.body) : [];
    return { meter, fates: feed(meter, events), events };
  }

  test("is counted as the sandbox's ledger has it, and nothing that we asked for reaches the caller", async () => {
    const { meter, fates, events } = await metered();
    const [entry] = sandbox.ledger.entries();
    expect(meter.failed()).toBe(false);
    expect(meter.usage()).toMatchObject({ inputTokens: entry?.usage?.inputTokens, outputTokens: entry?.usage?.outputTokens });
    expect(fates.at(-1)).toBe("close");
    const passed = events.filter((_event, index) => fates[index] !== "drop");
    expect(passed.some(({ data }) => data.includes('"choices":[]'))).toBe(false);
  });

  test("that carries an error has failed", async () => {
    sandbox.script(provider.principal(keyData), { kind: "stream_error", afterEvents: 2 });
    const { meter } = await metered();
    expect(meter.failed()).toBe(true);
  });
});
