/**
 * The vendors' official SDKs, made with our configurations and our refusals. Whatever the host's environment says, a
 * customer's key goes to the vendor, or to the operator's base URL, and nowhere else.
 */
import Anthropic, * as anthropicErrors from "@anthropic-ai/sdk";
import { fromWire } from "@stack-2025/byok-crypto";
import OpenAI, * as openaiErrors from "openai";
import twilio from "twilio";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Recorder, recordingFetch } from "./recording.ts";
import { providerFor } from "./registry.ts";
import type { ErrorCode } from "@stack-2025/byok-crypto";

const hostile = new Recorder();
const operators = new Recorder();

beforeAll(async () => {
  await hostile.listen();
  await operators.listen();
});
afterAll(async () => {
  await hostile.close();
  await operators.close();
});

beforeEach(() => {
  hostile.seen.length = 0;
  operators.seen.length = 0;
  const variables = {
    OPENAI_API_KEY: "sk-hosts-own",
    OPENAI_ADMIN_KEY: "sk-admin-hosts-own",
    OPENAI_BASE_URL: hostile.url,
    OPENAI_ORG_ID: "org-hosts-own",
    OPENAI_PROJECT_ID: "proj_hosts_own",
    ANTHROPIC_API_KEY: "sk-ant-hosts-own",
    ANTHROPIC_AUTH_TOKEN: "hosts-own-token",
    ANTHROPIC_BASE_URL: hostile.url,
    ANTHROPIC_PROFILE: "hosts-own",
    ANTHROPIC_WORKSPACE_ID: "wrkspc_hosts_own",
    TWILIO_ACCOUNT_SID: "AC99999999999999999999999999999999",
    TWILIO_AUTH_TOKEN: "hosts-own-token",
    TWILIO_REGION: "ie1",
    TWILIO_EDGE: "dublin",
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** Twilio's SDK has no base URL; an HTTP client of one's own is its documented hook. */
class RecordingClient extends twilio.RequestClient {
  readonly seen: { uri: string; username: string | undefined; password: string | undefined }[] = [];
  readonly #status: number;
  readonly #body: string;

  constructor(status: number, body: string) {
    super();
    this.#status = status;
    this.#body = body;
  }

  override request: twilio.RequestClient["request"] = ({ uri, username, password }) => {
    this.seen.push({ uri, username, password });
    return Promise.resolve({ statusCode: this.#status, body: JSON.parse(this.#body), headers: {} });
  };
}

const openai = providerFor("openai");
const anthropic = providerFor("anthropic");

describe("openai", () => {
  const keyData = { apiKey: "sk-test-customers", organization: "org-customers" };

  test("with our configuration the key goes to the vendor, with the key's own organization and no project", async () => {
    const { fetch, seen } = recordingFetch('{"object":"list","data":[]}');
    await new OpenAI({ ...openai.config(keyData, undefined), fetch }).models.list();
    expect(seen.map(({ url }) => url.href)).toEqual(["https://api.openai.com/v1/models"]);
    const [{ headers } = { headers: new Headers() }] = seen;
    expect(headers.get("authorization")).toBe("Bearer sk-test-customers");
    expect(headers.get("openai-organization")).toBe("org-customers");
    expect(headers.get("openai-project")).toBeNull();
  });

  test("a regional key goes to its region's host", async () => {
    const { fetch, seen } = recordingFetch('{"object":"list","data":[]}');
    await new OpenAI({ ...openai.config({ ...keyData, region: "eu" }, undefined), fetch }).models.list();
    expect(seen.map(({ url }) => url.href)).toEqual(["https://eu.api.openai.com/v1/models"]);
  });

  test("the host's admin key is not used in the customer's name", async () => {
    const { fetch, seen } = recordingFetch('{"object":"list","data":[]}');
    const client = new OpenAI({ ...openai.config(keyData, undefined), fetch });
    // What it does without an admin key is the SDK's; that the host's is not sent is ours.
    await client.get("/organization/projects").catch(() => undefined);
    expect(client.adminAPIKey).toBeNull();
    for (const { headers } of seen) expect(headers.get("authorization")).not.toContain("hosts-own");
  });

  test("an operator's base URL is the origin, and the SDK's version segment is added", async () => {
    await new OpenAI(openai.config(keyData, `${operators.url}/proxy/openai/`)).models.list();
    expect(operators.seen.map(({ url }) => url)).toEqual(["/proxy/openai/v1/models"]);
    expect(hostile.seen).toEqual([]);
  });

  test("without our configuration the environment would have taken the key: the trap is there", async () => {
    await new OpenAI({ apiKey: keyData.apiKey, maxRetries: 0 }).models.list();
    expect(hostile.seen.map(({ headers }) => headers["authorization"])).toEqual(["Bearer sk-test-customers"]);
  });

  test("a call that failed is not sent again behind the back of who fails over", async () => {
    const { fetch, seen } = recordingFetch('{"error":{"message":"no"}}', 500);
    await expect(new OpenAI({ ...openai.config(keyData, undefined), fetch }).models.list()).rejects.toBeInstanceOf(openaiErrors.InternalServerError);
    expect(seen).toHaveLength(1);
  });

  test("the SDK presents its key where we look for a byok token", async () => {
    const { fetch, seen } = recordingFetch('{"object":"list","data":[]}');
    await new OpenAI({ apiKey: "byok_token", fetch, baseURL: "https://proxy.test/proxy/openai/v1" }).models.list();
    expect(openai.presentedToken({ method: "GET", path: "/v1/models", headers: Object.fromEntries(seen[0]?.headers ?? []) })).toBe("byok_token");
  });
});

describe("anthropic", () => {
  const keyData = { apiKey: "sk-ant-test-customers" };

  test("with our configuration the key goes to the vendor and no workspace but the key's own", async () => {
    const { fetch, seen } = recordingFetch('{"data":[],"has_more":false}');
    await new Anthropic({ ...anthropic.config(keyData, undefined), fetch }).models.list();
    await new Anthropic({ ...anthropic.config({ ...keyData, workspaceId: "wrkspc_customers" }, undefined), fetch }).models.list();
    expect(seen.map(({ url }) => url.origin)).toEqual(["https://api.anthropic.com", "https://api.anthropic.com"]);
    expect(seen.map(({ url }) => url.pathname)).toEqual(["/v1/models", "/v1/models"]);
    expect(seen.map(({ headers }) => headers.get("anthropic-workspace-id"))).toEqual([null, "wrkspc_customers"]);
    for (const { headers } of seen) expect(JSON.stringify([...headers])).not.toContain("hosts-own");
  });

  test("an operator's base URL is the origin, without a version segment", async () => {
    await new Anthropic(anthropic.config(keyData, operators.url)).models.list();
    expect(operators.seen.map(({ url }) => url.split("?")[0])).toEqual(["/v1/models"]);
    expect(hostile.seen).toEqual([]);
  });

  test("without our configuration the environment would have taken the key: the trap is there", async () => {
    await new Anthropic({ apiKey: keyData.apiKey, maxRetries: 0 }).models.list();
    expect(hostile.seen).toHaveLength(1);
  });

  test("the SDK presents its key where we look for a byok token", async () => {
    const { fetch, seen } = recordingFetch('{"data":[],"has_more":false}');
    await new Anthropic({ apiKey: "byok_token", fetch, baseURL: "https://proxy.test/proxy/anthropic" }).models.list();
    expect(anthropic.presentedToken({ method: "GET", path: "/v1/models", headers: Object.fromEntries(seen[0]?.headers ?? []) })).toBe("byok_token");
  });
});

describe("twilio", () => {
  const provider = providerFor("twilio");
  const account = { accountSid: "AC00000000000000000000000000000000" };

  function recordingClient(keyData: Parameters<typeof provider.config>[0]) {
    const config = provider.config(keyData, undefined);
    const httpClient = new RecordingClient(200, '{"account_sid":"","balance":"1","currency":"USD"}');
    return { client: twilio(config.username, config.password, { ...config, httpClient }), seen: httpClient.seen };
  }

  test.each([
    ["a token", { ...account, authToken: "customers-token" }, account.accountSid, "customers-token"],
    ["an API key", { ...account, apiKeySid: "SK00000000000000000000000000000000", apiKeySecret: "customers-secret" }, "SK00000000000000000000000000000000", "customers-secret"],
  ])("with our configuration %s goes to the vendor's plain host, whatever region the environment names", async (_what, keyData, username, password) => {
    const { client, seen } = recordingClient(keyData);
    await client.balance.fetch();
    expect(seen).toEqual([{ uri: `https://api.twilio.com/2010-04-01/Accounts/${account.accountSid}/Balance.json`, username, password }]);
  });

  test.each([
    [{ region: "ie1" }, "api.dublin.ie1.twilio.com"],
    [{ region: "au1", edge: "sydney" }, "api.sydney.au1.twilio.com"],
    [{ edge: "tokyo" }, "api.tokyo.us1.twilio.com"],
  ])("region and edge complete each other: %o is %s, for the SDK as for us", async (location, host) => {
    const keyData = provider.parse({ ...account, authToken: "customers-token", ...location });
    const { client, seen } = recordingClient(keyData);
    await client.balance.fetch();
    expect(seen.map(({ uri }) => new URL(uri).hostname)).toEqual([host]);
    expect(provider.origin(keyData, "/2010-04-01/Accounts/me.json")).toBe(`https://${host}`);
    expect(provider.owns(host)).toBe(true);
  });
});

function refusal(type: string, code: ErrorCode) {
  const error = fromWire({ code, message: "No key of this owner is usable.", retryAfterMs: 3_000 });
  if (!error) throw new Error(`no error for ${code}`);
  return providerFor(type).refusal(error);
}

describe("refusals raise what each SDK's users know", () => {
  test.each([
    ["UNAUTHENTICATED", openaiErrors.AuthenticationError],
    ["PERMISSION_DENIED", openaiErrors.PermissionDeniedError],
    ["KEY_NOT_FOUND", openaiErrors.NotFoundError],
    ["KEY_VALIDATION", openaiErrors.UnprocessableEntityError],
    ["INVALID_INPUT", openaiErrors.BadRequestError],
    ["QUOTA_EXCEEDED", openaiErrors.RateLimitError],
    ["RATE_LIMITED", openaiErrors.RateLimitError],
    ["CONFLICT", openaiErrors.ConflictError],
    ["PROVIDER_UNAVAILABLE", openaiErrors.InternalServerError],
    ["ENCRYPTION", openaiErrors.InternalServerError],
  ] as const)("openai: %s", async (code, raised) => {
    const { status, headers, body } = refusal("openai", code);
    const { fetch } = recordingFetch(body, status, headers);
    const call = new OpenAI({ apiKey: "byok_token", baseURL: "https://proxy.test/v1", maxRetries: 0, fetch }).models.list();
    await expect(call).rejects.toBeInstanceOf(raised);
    await expect(call).rejects.toMatchObject({ status, code, message: expect.stringContaining("No key of this owner is usable.") });
  });

  test.each([
    ["UNAUTHENTICATED", anthropicErrors.AuthenticationError, "authentication_error"],
    ["PERMISSION_DENIED", anthropicErrors.PermissionDeniedError, "permission_error"],
    ["KEY_NOT_FOUND", anthropicErrors.NotFoundError, "not_found_error"],
    ["KEY_VALIDATION", anthropicErrors.UnprocessableEntityError, "invalid_request_error"],
    ["QUOTA_EXCEEDED", anthropicErrors.RateLimitError, "rate_limit_error"],
    ["RATE_LIMITED", anthropicErrors.RateLimitError, "rate_limit_error"],
    ["PROVIDER_UNAVAILABLE", anthropicErrors.InternalServerError, "api_error"],
  ] as const)("anthropic: %s", async (code, raised, type) => {
    const { status, headers, body } = refusal("anthropic", code);
    const { fetch } = recordingFetch(body, status, headers);
    const call = new Anthropic({ apiKey: "byok_token", baseURL: "https://proxy.test", maxRetries: 0, fetch }).models.list();
    await expect(call).rejects.toBeInstanceOf(raised);
    await expect(call).rejects.toMatchObject({ status, type, errorCode: code });
  });

  test("a budget that is used up is not asked for again by SDKs that retry; a wait is", async () => {
    for (const code of ["QUOTA_EXCEEDED", "CONFLICT", "CONFIGURATION"] as const) {
      const { status, headers, body } = refusal("openai", code);
      const { fetch, seen } = recordingFetch(body, status, headers);
      await expect(new OpenAI({ apiKey: "byok_token", baseURL: "https://proxy.test/v1", maxRetries: 2, fetch }).models.list()).rejects.toMatchObject({ code });
      expect(seen).toHaveLength(1);
    }
    expect(refusal("openai", "RATE_LIMITED").headers).toEqual({ "content-type": "application/json", "retry-after": "3" });
  });

  test("twilio: the number that its users know, and ours in the details", async () => {
    const { status, body } = refusal("twilio", "UNAUTHENTICATED");
    const client = twilio("AC00000000000000000000000000000000", "byok_token", { httpClient: new RecordingClient(status, body) });
    await expect(client.balance.fetch()).rejects.toMatchObject({ status: 401, code: 20003, message: "No key of this owner is usable.", details: { code: "UNAUTHENTICATED" } });
  });
});
