import { providerFor, type MeteredUsage, type ProviderType, type VendorAnswer } from "@stack-2025/byok-providers";
import type { ActiveKey, Attempt, OwnerOrUser, UsageEvent, UseOptions } from "../byok.ts";
import type { Scope } from "../scope.ts";
import { checked, requireUse } from "./get-active-key.ts";
import { settle } from "./settle.ts";
import { withCandidates, type Outcome } from "./with-key.ts";

/**
 * Calls `use` with a key, and again with the next one where what it threw says that another key could help: it reads
 * `status` or `statusCode` of the error, as the official SDKs set them. Anything else is rethrown as it came.
 */
export async function callWithKey<P extends ProviderType, T>(
  scope: Scope,
  owner: OwnerOrUser,
  provider: P,
  use: (key: ActiveKey<P>, attempt: Attempt) => Promise<T>,
  given?: UseOptions,
): Promise<T> {
  const ref = scope.core.ownerRef(owner);
  const options = checked(given);
  const folder = providerFor(provider);
  await requireUse(scope, ref, scope.access.kind === "token" ? "keys:reveal" : "keys:use");
  const signal = options.signal ?? new AbortController().signal;

  return withCandidates<T>(scope, { owner: ref, provider, options, model: options.model ?? null, route: null, once: false }, async (one): Promise<Outcome<T>> => {
    const startedAt = scope.core.clock.monotonic();
    const told: Told = { operation: "", model: null, usage: {} };
    const end = (outcome: "ok" | "error", status: number | null, requests: 0 | 1): Promise<void> =>
      settle(scope, ref, one, {
        usage: Object.keys(told.usage).length > 0 ? told.usage : null,
        outcome,
        status,
        operation: told.operation,
        model: told.model ?? options.model ?? null,
        label: options.label ?? null,
        latencyMs: scope.core.clock.monotonic() - startedAt,
        vendorRequestId: null,
        requests,
      });
    try {
      const value = await use(one.key as ActiveKey<P>, { number: one.number, previous: [...one.previous], signal, meter: (usage) => add(told, usage) });
      await end("ok", null, 1);
      return { kind: "answer", value };
    } catch (error) {
      const answer = vendorAnswer(error);
      if (!answer) {
        await end("error", null, 1);
        throw error;
      }
      return {
        kind: "refused",
        failure: folder.classify(answer, scope.core.clock.now()),
        value: async () => {
          await end("error", answer.status, 1);
          throw error;
        },
        discard: () => scope.core.background(end("error", answer.status, 0)),
      };
    }
  });
}

interface Told {
  operation: string;
  model: string | null;
  usage: MeteredUsage;
}

const counts = [
  "inputTokens", "outputTokens", "cachedInputTokens", "cacheWriteTokens", "reasoningTokens", "audioInputTokens", "audioOutputTokens", "audioSeconds", "characters", "segments",
] as const satisfies readonly (keyof MeteredUsage & keyof UsageEvent)[];

function add(told: Told, usage: Partial<UsageEvent>): void {
  for (const name of counts) if (usage[name] !== undefined) told.usage[name] = (told.usage[name] ?? 0) + usage[name];
  if (usage.model !== undefined) told.model = usage.model;
  if (usage.operation !== undefined) told.operation = usage.operation;
}

/** The provider's answer as far as an SDK's error tells it; undefined where it tells of none. */
function vendorAnswer(error: unknown): VendorAnswer | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { status, statusCode, headers, error: body, code, message } = error as Record<string, unknown>;
  const number = typeof status === "number" ? status : statusCode;
  if (typeof number !== "number" || number < 400) return undefined;
  return { status: number, headers: plainHeaders(headers), body: JSON.stringify(bodyOf(body, { code, message, status: number })) };
}

/** openai keeps the inner `error` object, Anthropic's SDK the whole body, twilio its fields on the error itself. */
function bodyOf(body: unknown, own: object): unknown {
  if (typeof body !== "object" || body === null) return own;
  return "error" in body ? body : { error: body };
}

function plainHeaders(headers: unknown): Record<string, string> {
  if (headers instanceof Headers) return Object.fromEntries(headers);
  if (typeof headers !== "object" || headers === null) return {};
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
}
