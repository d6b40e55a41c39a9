/** Our probes, classifiers and meters against the sandbox's HTTP, which the vendors' own SDKs take for the vendors. */
import { startSandbox } from "@stack-2025/byok-sandbox";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { decimalText, exactly, plus } from "./decimal.ts";
import { providerFor } from "./registry.ts";
import { feed, sampleEvents } from "./sample.ts";
import type { Sandbox } from "@stack-2025/byok-sandbox";
import type { KeyData } from "./key-data.ts";
import type { Ask, MeteredCall, Provider } from "./provider.ts";
import type { ProviderType } from "./provider-type.ts";
import type { MeteredUsage } from "./usage.ts";

const now = new Date("2026-11-24T10:00:00Z");
let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ now: () => now });
});
afterEach(() => {
  sandbox.reset();
});
afterAll(async () => {
  await sandbox.close();
});

/** A key that the sandbox takes: made when it is needed, since accounts are made by the sandbox. */
interface Standing {
  type: ProviderType;
  what: string;
  given: () => Record<string, unknown>;
  /** What a scoped key's probe comes to; absent: alive. */
  scoped?: object;
  /** What a wait that is asked for comes to; absent: rate limited. */
  limited?: string;
}
const twilios = { accountSid: "AC00000000000000000000000000000000" };
const serviceAccount = () => ({ serviceAccount: { ...sandbox.serviceAccount({ name: "byok-test" }) } });
const standing: Standing[] = [
  { type: "openai", what: "key", given: () => ({ apiKey: "sk-test-0123456789abcdefghij" }) },
  { type: "anthropic", what: "key", given: () => ({ apiKey: "sk-ant-test-0123456789abcdefghij" }) },
  { type: "gemini", what: "key", given: () => ({ apiKey: "AIzaTest0123456789abcdefghij" }) },
  { type: "vertex", what: "account", given: serviceAccount, scoped: { outcome: "refused", failure: { verdict: "forbidden", scope: "endpoint" } } },
  { type: "vertex", what: "express key", given: () => ({ apiKey: "AQ.test0123456789abcdefghij" }), scoped: { outcome: "refused", failure: { verdict: "forbidden", scope: "endpoint" } } },
  { type: "google_speech", what: "account", given: serviceAccount },
  { type: "google_speech", what: "key", given: () => ({ apiKey: "AIzaTest0123456789abcdefghij" }) },
  { type: "openrouter", what: "key", given: () => ({ apiKey: "sk-or-test-0123456789abcdefghij" }), limited: "transient" },
  { type: "deepgram", what: "key", given: () => ({ apiKey: "0000000000000000000000000000000000000001" }) },
  { type: "twilio", what: "token", given: () => ({ ...twilios, authToken: "00000000000000000000000000000001" }) },
  { type: "twilio", what: "API key", given: () => ({ ...twilios, apiKeySid: "SK00000000000000000000000000000000", apiKeySecret: "00000000000000000000000000000002" }) },
  { type: "telnyx", what: "key", given: () => ({ apiKey: "KEYTEST00000000000000000000000001_test-secret" }) },
];

/** What the rooms above hold of a key. */
interface Held {
  provider: Provider;
  keyData: KeyData;
  baseUrl: string;
  /** The sandbox's name for it. */
  named: string;
  ask: Ask;
}

function hold({ type, given }: Standing): Held {
  const provider = providerFor(type);
  const baseUrl = sandbox.baseUrl(type);
  const keyData = provider.parse(given(), baseUrl);
  const metadata: Record<string, unknown> = { ...provider.metadata(keyData) };
  const ask: Ask = async ({ method, path, origin, headers, body }) => {
    const response = await fetch(`${origin ?? baseUrl}${path}`, { method, headers: headers ?? {}, body: body ?? null });
    return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  };
  return { provider, keyData, baseUrl, named: typeof metadata["clientEmail"] === "string" ? metadata["clientEmail"] : provider.principal(keyData), ask };
}

const probe = ({ provider, keyData, ask, baseUrl }: Held) => provider.probe(keyData, ask, now, baseUrl);

describe.each(standing)("a probe of a $type $what", (one) => {
  test("finds a good one alive", async () => {
    await expect(probe(hold(one))).resolves.toMatchObject({ outcome: "alive" });
  });

  test.each(["invalid", "revoked"] as const)("finds an %s one dead, for certain", async (kind) => {
    const held = hold(one);
    sandbox.script(held.named, { kind });
    await expect(probe(held)).resolves.toMatchObject({ outcome: "refused", failure: { verdict: "invalid", certain: true } });
  });

  test("never finds a scoped one dead", async () => {
    const held = hold(one);
    sandbox.script(held.named, { kind: "scoped" });
    await expect(probe(held)).resolves.toMatchObject(one.scoped ?? { outcome: "alive" });
  });

  test.each([
    [{ kind: "rate_limited" }, one.limited ?? "rate_limited"],
    [{ kind: "server_error" }, "transient"],
    [{ kind: "server_error", status: 502 }, "transient"],
  ] as const)("blames no key for %o", async (fault, verdict) => {
    const held = hold(one);
    sandbox.script(held.named, fault);
    await expect(probe(held)).resolves.toMatchObject({ outcome: "refused", failure: { verdict } });
  });
});

interface Called {
  type: ProviderType;
  path: string;
  body: Record<string, unknown>;
}

/** Sends the call as the rooms above do; undefined: it was cut. */
async function send({ type, path, body }: Called) {
  const found = standing.find((one) => one.type === type);
  if (!found) throw new Error(`no key of ${type}`);
  const held = hold(found);
  const { provider, keyData, baseUrl, ask } = held;
  const route = provider.route("POST", path.split("?")[0] ?? "");
  if (!route) throw new Error(`no ${path} of ${type}`);
  const asked = provider.meter.ask(route, body);
  const call: MeteredCall = { route, path, body: asked ?? body, askedByUs: asked !== undefined };
  const made = await provider.accessToken?.(keyData, ask, now, baseUrl);
  const form = type === "twilio";
  const headers = { "content-type": form ? "application/x-www-form-urlencoded" : "application/json", "anthropic-version": "2023-06-01" };
  const request = provider.authorize({ method: "POST", path, headers }, keyData, made?.outcome === "token" ? made.token : undefined);
  const text = form ? new URLSearchParams(Object.fromEntries(Object.entries(body).map(([name, value]) => [name, String(value)]))).toString() : JSON.stringify(asked ?? body);
  const answer = await ask({ method: "POST", path: request.path, headers: request.headers, body: text }).catch(() => undefined);
  const entry = sandbox.ledger.entries().find(({ path: called }) => !called.includes("/token"));
  return { held, call, answer, told: entry?.usage ?? null };
}

const messages = [{ role: "user", content: "Hello" }];
const contents = [{ role: "user", parts: [{ text: "Hello" }] }];
const inVertex = "/v1/projects/me/locations/me/publishers/google/models/gemini-3.6-flash";
const streams: Called[] = [
  { type: "openai", path: "/v1/chat/completions", body: { model: "gpt-6-luna", stream: true, messages } },
  { type: "openai", path: "/v1/responses", body: { model: "gpt-6-luna", stream: true, input: "Hello" } },
  { type: "anthropic", path: "/v1/messages", body: { model: "claude-opus-5-5", stream: true, max_tokens: 64, messages } },
  { type: "gemini", path: "/v1beta/models/gemini-3.6-flash:streamGenerateContent?alt=sse", body: { contents } },
  { type: "vertex", path: `${inVertex}:streamGenerateContent?alt=sse`, body: { contents } },
  { type: "openrouter", path: "/api/v1/chat/completions", body: { model: "openai/gpt-6-luna", stream: true, messages } },
];

describe.each(streams)("a stream of $type $path", (called) => {
  async function metered() {
    const { call, answer, told, held } = await send(called);
    const meter = held.provider.meter.stream(call);
    const events = answer ? sampleEvents(answer.body) : [];
    return { meter, fates: feed(meter, events), events, told };
  }

  test("is counted as the sandbox's ledger has it, and nothing that we asked for reaches the caller", async () => {
    const { meter, fates, events, told } = await metered();
    expect(meter.failed()).toBe(false);
    expect(meter.usage()).toMatchObject({ inputTokens: told?.inputTokens, outputTokens: told?.outputTokens });
    expect(fates.at(-1)).toBe("close");
    const passed = events.filter((_event, index) => fates[index] !== "drop");
    expect(passed.some(({ data }) => data.includes('"choices":[]'))).toBe(false);
  });

  test.each(["stream_error", "cut_stream"] as const)("with a %s has failed", async (kind) => {
    const found = standing.find(({ type }) => type === called.type);
    if (!found) throw new Error(`no key of ${called.type}`);
    sandbox.script(hold(found).named, { kind, afterEvents: 2 });
    const { meter } = await metered();
    expect(meter.failed()).toBe(true);
  });
});

const speech = { input: { text: "Hello there" }, voice: { languageCode: "en-US", name: "en-US-Chirp3-HD-Achernar" }, audioConfig: { audioEncoding: "MP3" } };
const recognition = { config: { languageCode: "en-US" }, audio: { content: Buffer.alloc(40_000).toString("base64") } };
const whole: Called[] = [
  { type: "openai", path: "/v1/chat/completions", body: { model: "gpt-6-luna", messages } },
  { type: "anthropic", path: "/v1/messages", body: { model: "claude-opus-5-5", max_tokens: 64, messages } },
  { type: "gemini", path: "/v1beta/models/gemini-3.6-flash:generateContent", body: { contents } },
  { type: "gemini", path: "/v1beta/models/gemini-3.6-flash:streamGenerateContent", body: { contents } },
  { type: "vertex", path: `${inVertex}:generateContent`, body: { contents } },
  { type: "openrouter", path: "/api/v1/chat/completions", body: { model: "openai/gpt-6-luna", messages } },
  { type: "google_speech", path: "/v1/text:synthesize", body: speech },
  { type: "google_speech", path: "/v1/speech:recognize", body: recognition },
  { type: "google_speech", path: "/v2/projects/me/locations/global/recognizers/_:recognize", body: { config: recognition.config, content: recognition.audio.content } },
  { type: "deepgram", path: "/v1/listen?model=nova-3", body: { url: "https://example.com/a.wav" } },
  { type: "deepgram", path: "/v1/speak?model=aura-2-thalia-en", body: { text: "Hello there" } },
  { type: "twilio", path: "/2010-04-01/Accounts/me/Messages.json", body: { To: "+15005550001", From: "+15005550006", Body: "Hello there" } },
  { type: "telnyx", path: "/v2/messages", body: { to: "+15005550001", from: "+15005550006", text: "Hello there" } },
];

/** Every count that the ledger has, in the words of the meter; those of nothing are left out. */
function inOurWords(told: object): Record<string, unknown> {
  const { cost, upstreamCost, currency: _currency, ...counts } = { cost: undefined, upstreamCost: undefined, currency: undefined, ...told };
  const costUsd = cost === undefined ? undefined : decimalText(plus(exactly(cost), exactly(upstreamCost ?? "0")));
  const all: Record<string, unknown> = { ...counts, costUsd };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== 0 && value !== undefined));
}

test.each(whole)("an answer of $type $path is counted as the sandbox's ledger has it", async (called) => {
  const { held, call, answer, told } = await send(called);
  expect(answer?.status).toBeLessThan(300);
  const json: unknown = /^\s*[[{]/.test(answer?.body ?? "") ? JSON.parse(answer?.body ?? "") : undefined;
  const usage: MeteredUsage = held.provider.meter.json(json, { ...call, answerHeaders: answer?.headers ?? {} }) ?? {};
  const expected = inOurWords(told ?? {});
  expect(Object.keys(expected).length).toBeGreaterThan(0);
  expect(usage).toMatchObject(expected);
});
