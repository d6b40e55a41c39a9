import { describe, expect, test } from "vitest";
import { completeProviders } from "@stack-2025/byok-core/internal";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import { proxyFetch } from "./proxy-fetch.ts";

const token = `byok_${"0".repeat(32)}_${"A".repeat(43)}_01234567`;

interface Sent {
  url: URL;
  method: string;
  headers: Record<string, string>;
}

/** What would be sent for this request. */
async function sentFor(call: (fetch: typeof globalThis.fetch) => Promise<unknown>, ...rest: [owner: Parameters<typeof proxyFetch>[1], provider: Parameters<typeof proxyFetch>[2], options?: Parameters<typeof proxyFetch>[3]]): Promise<Sent> {
  const sent: Sent[] = [];
  const send: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    sent.push({ url: new URL(request.url), method: request.method, headers: Object.fromEntries(request.headers) });
    return new Response();
  };
  await call(proxyFetch({ url: "https://byok.test/root", token: async () => token, fetch: send }, ...rest));
  expect(sent).toHaveLength(1);
  return sent[0] as Sent;
}

describe.each(completeProviders.map((provider) => [provider.type, provider] as const))("%s", (type, provider) => {
  // Hosts of every vendor and their look-alikes.
  const hosts = [
    "api.openai.com", "eu.api.openai.com", "xx.api.openai.com", "api.openai.com.evil.test", "openai.com", "evilapi.openai.com",
    "api.anthropic.com", "console.anthropic.com", "api.twilio.com", "messaging.twilio.com", "api.dublin.ie1.twilio.com", "evil.test", "twilio.com", "api.twilio.com.evil.test", "byok.test",
    "generativelanguage.googleapis.com", "storage.googleapis.com", "us-central1-aiplatform.googleapis.com", "speech.googleapis.com", "texttospeech.googleapis.com",
    "openrouter.ai", "api.deepgram.com", "agent.deepgram.com", "api.telnyx.com",
  ];

  test("is called at the vendor's own hosts alone, the same that the library knows", async () => {
    const taken: string[] = [];
    for (const host of hosts) {
      const call = sentFor((fetch) => fetch(`https://${host}/v1/x`), "alice", type);
      if (await call.then(() => true, (error: unknown) => !(error instanceof InvalidInputError))) taken.push(host);
    }
    expect(taken).toEqual(hosts.filter((host) => provider.owns(host)));
  });

  test("gets the token where the proxy looks for it, and no other credential", async () => {
    const host = hosts.find((one) => provider.owns(one)) ?? "";
    const { url, headers } = await sentFor(
      (fetch) => fetch(`https://${host}/v1/x?a=b&key=theirs`, { headers: { authorization: "Bearer theirs", "x-api-key": "theirs", "api-key": "theirs", "x-goog-api-key": "theirs", "x-kept": "1" } }),
      "alice", type,
    );
    expect(url.href).toBe(`https://byok.test/root/proxy/${type}/v1/x?a=b`);
    expect(provider.presentedToken({ method: "GET", path: url.pathname + url.search, headers })).toBe(token);
    expect(JSON.stringify(headers)).not.toContain("theirs");
    expect(headers).toMatchObject({ "x-kept": "1", "byok-user": "alice" });
  });
});

describe("a call names its owner and its options in headers", () => {
  const get = (fetch: typeof globalThis.fetch): Promise<unknown> => fetch("https://api.openai.com/v1/models");

  test("of a user, of an organization, and all that can be said", async () => {
    expect((await sentFor(get, { userId: "alice" }, "openai")).headers["byok-user"]).toBe("alice");
    expect((await sentFor(get, { organizationId: "acme" }, "openai")).headers["byok-organization"]).toBe("acme");
    const options = { environment: "development" as const, keyId: "key_1", model: "m", label: "a näme", fallbackToSystem: false };
    expect((await sentFor(get, "alice", "openai", options)).headers).toMatchObject({
      "byok-environment": "development", "byok-key": "key_1", "byok-model": "m", "byok-label": Buffer.from("a näme").toString("latin1"), "byok-fallback": "none",
    });
  });

  test("but not of the operator, nor narrowed to an organization", async () => {
    await expect(sentFor(get, { system: true }, "openai")).rejects.toBeInstanceOf(InvalidInputError);
    await expect(sentFor(get, "alice", "openai", { organizationId: "acme" })).rejects.toBeInstanceOf(InvalidInputError);
    await expect(sentFor(get, "alice", "nobody" as never)).rejects.toBeInstanceOf(InvalidInputError);
  });
});

test("an SDK that was given the proxy's own address is left at it", async () => {
  const { url } = await sentFor((fetch) => fetch("https://byok.test/root/proxy/openai/v1/models?limit=1"), "alice", "openai");
  expect(url.href).toBe("https://byok.test/root/proxy/openai/v1/models?limit=1");
});

test("a Request keeps its method, its headers and its body", async () => {
  const request = new Request("https://api.openai.com/v1/embeddings", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
  const { method, headers } = await sentFor((fetch) => fetch(request), "alice", "openai");
  expect([method, headers["content-type"]]).toEqual(["POST", "application/json"]);
});

test("the call's signal and the options' both end it", async () => {
  const seen: AbortSignal[] = [];
  const send: typeof globalThis.fetch = async (_input, init) => {
    if (init?.signal) seen.push(init.signal);
    return new Response();
  };
  const [one, other] = [new AbortController(), new AbortController()];
  const through = proxyFetch({ url: "https://byok.test", token: async () => token, fetch: send }, "alice", "openai", { signal: one.signal });
  await through("https://api.openai.com/v1/models", { signal: other.signal });
  await through("https://api.openai.com/v1/models", { signal: new AbortController().signal });
  other.abort();
  expect(seen.map((signal) => signal.aborted)).toEqual([true, false]);
  one.abort();
  expect(seen.map((signal) => signal.aborted)).toEqual([true, true]);
});
