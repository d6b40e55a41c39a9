/** Calls with a revealed key, in this program: the next key where another one could help, and a usage event for each try. */
import { BYOKError } from "@stack-2025/byok-crypto";
import type { ActiveKey, Attempt, OwnerOrUser, ProviderType, UsageEvent, UseOptions } from "@stack-2025/byok-core";

export interface KeySource {
  /** The first usable key that is none of these. */
  next(except: readonly string[]): Promise<ActiveKey>;
  record(event: UsageEvent): Promise<void>;
}

const mostKeys = 20;

/**
 * Reads `status` or `statusCode` of what `use` throws, as the vendors' SDKs set them: 401, 402, 403, 429 and 5xx move on to
 * the next key. Anything else is rethrown as it came, and so is the last one when no key is left.
 */
export async function withKey<P extends ProviderType, T>(
  source: KeySource,
  owner: OwnerOrUser,
  use: (key: ActiveKey<P>, attempt: Attempt) => Promise<T>,
  options: UseOptions = {},
): Promise<T> {
  const signal = options.signal ?? new AbortController().signal;
  const call = crypto.randomUUID();
  const previous: { keyId: string; error: unknown }[] = [];
  for (;;) {
    const key = (await nextKey(source, previous)) as ActiveKey<P>;
    const number = previous.length + 1;
    const told: Partial<UsageEvent> = {};
    const startedAt = performance.now();
    const record = (outcome: "ok" | "error", requests: 0 | 1): Promise<void> =>
      source.record({
        ...told,
        id: `${call}.${number}`,
        keyId: key.keyId,
        ...userOf(owner),
        ...(options.label !== undefined && { label: options.label }),
        ...(told.model === undefined && options.model !== undefined && { model: options.model }),
        requests,
        outcome,
        latencyMs: Math.round(performance.now() - startedAt),
      });
    let value: T;
    try {
      value = await use(key, { number, previous: [...previous], signal, meter: (usage) => add(told, usage) });
    } catch (error) {
      const last = !mayMoveOn(error) || number >= mostKeys || signal.aborted;
      previous.push({ keyId: key.keyId, error });
      await record("error", last ? 1 : 0);
      if (last) throw error;
      continue;
    }
    await record("ok", 1);
    return value;
  }
}

/** No key left: the provider's last word is what the caller gets, as it came. */
async function nextKey(source: KeySource, previous: readonly { keyId: string; error: unknown }[]): Promise<ActiveKey> {
  try {
    return await source.next(previous.map((one) => one.keyId));
  } catch (error) {
    const last = previous.at(-1);
    if (last && error instanceof BYOKError) throw last.error;
    throw error;
  }
}

function mayMoveOn(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  const number = typeof status === "number" ? status : statusCode;
  return typeof number === "number" && (number === 401 || number === 402 || number === 403 || number === 429 || (number >= 500 && number < 600));
}

function userOf(owner: OwnerOrUser): { userId?: string } {
  if (typeof owner === "string") return { userId: owner };
  return "userId" in owner ? { userId: owner.userId } : {};
}

const counts = [
  "inputTokens", "outputTokens", "cachedInputTokens", "cacheWriteTokens", "reasoningTokens", "audioInputTokens", "audioOutputTokens", "audioSeconds", "characters", "segments",
] as const satisfies readonly (keyof UsageEvent)[];

/** Counts add up, later text wins. */
function add(told: Partial<UsageEvent>, usage: Partial<UsageEvent>): void {
  for (const name of counts) if (usage[name] !== undefined) told[name] = (told[name] ?? 0) + usage[name];
  for (const [unit, count] of Object.entries(usage.units ?? {})) told.units = { ...told.units, [unit]: (told.units?.[unit] ?? 0) + count };
  if (usage.model !== undefined) told.model = usage.model;
  if (usage.operation !== undefined) told.operation = usage.operation;
  if (usage.cost !== undefined) told.cost = usage.cost;
}
