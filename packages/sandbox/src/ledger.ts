// What the sandbox told, call by call, so that a test can compare it with what was metered elsewhere.
// It holds keys and headers as they came: it is for tests, and leaves the process only through `published`.

/**
 * What the answer told of usage. Tokens are in inclusive fields: cached, written and audio tokens are inside input, reasoning and
 * audio ones inside output. The other fields are there only where the vendor bills by them.
 */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  reasoningTokens: number;
  audioInputTokens?: number;
  audioOutputTokens?: number;
  audioSeconds?: number;
  /** Of speech. Counted by the sandbox where the vendor bills them and its answer is silent (Google, and OpenAI's tts-1). */
  characters?: number;
  /** Of a message; Telnyx says parts. */
  segments?: number;
  /** What the vendor itself says it charges, as a decimal. */
  cost?: string;
  /** What OpenRouter says that another vendor charges beside, on the customer's own key there. */
  upstreamCost?: string;
  currency?: string;
}

/** What one message of a WebSocket told. */
export interface Turn {
  /** `response`, `transcription` … */
  kind: string;
  /** When it is not the connection's. */
  model?: string;
  usage: Usage;
}

/** No tokens at all, to be spread under what is there. */
export const noTokens: Readonly<Usage> = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };

/** Field by field; no vendor tells a cost by turns. */
export function addUsage(one: Usage, other: Usage): Usage {
  const sum: Usage = { ...one };
  for (const field of summed) {
    const more = other[field];
    if (more !== undefined) sum[field] = (sum[field] ?? 0) + more;
  }
  return sum;
}

const summed = [
  "inputTokens", "outputTokens", "cachedInputTokens", "cacheWriteTokens", "reasoningTokens", "audioInputTokens", "audioOutputTokens", "audioSeconds",
  "characters", "segments",
] as const;

/** One call, from its first byte on. While it is under way, `status` may be 0 and `finished` is false. */
export interface LedgerEntry {
  id: string;
  provider: string;
  /**
   * The API key; with Twilio the password (auth token or API key secret); with a service account its e-mail address. A call that
   * came with a token is its issuer's. Empty when the call brought none.
   */
  key: string;
  /** The access token, client secret or assertion that stood where the key would have; empty when the key itself did. */
  presented: string;
  /** Enough of the key to recognise it: its first three and last four characters. */
  keyHint: string;
  method: string;
  /** As the vendor would see it: without the sandbox's prefix, without the query. */
  path: string;
  /** The query with its question mark, or empty. */
  query: string;
  model: string | null;
  at: Date;
  /** When the call was over, by the sandbox's clock; null while it is under way. */
  endedAt: Date | null;
  /** 0 until an answer began, and for good when none ever did. 101 for an open WebSocket. */
  status: number;
  stream: boolean;
  /** The answer was sent whole; a WebSocket was closed, not dropped. */
  finished: boolean;
  requestHeaders: Record<string, string>;
  /** The first 64 KiB. Of a WebSocket, the client's texts, one a line. */
  requestBody: string;
  /** Exactly what the client was told, so far or in the end; null when the answer named no usage. Of a WebSocket, the sum of its turns. */
  usage: Usage | null;
  /** What the messages of a WebSocket told, one by one; empty for a call. */
  turns: Turn[];
  /** The client went away before the answer was whole. */
  aborted: boolean;
  vendorRequestId: string;
}

export interface LedgerFilter {
  provider?: string;
  key?: string;
  path?: string;
}

export interface Ledger {
  /** Copies of the entries in order of arrival, calls under way included. */
  entries(filter?: LedgerFilter): LedgerEntry[];
  /** How many calls came, with this key or with any. */
  calls(key?: string): number;
  /** Requests, refused ones included, and the tokens that their answers told. */
  totals(filter?: LedgerFilter): { requests: number; inputTokens: number; outputTokens: number };
  /** Resolves when no call is under way. */
  whenSettled(): Promise<void>;
}

/** The ledger with its writing side. */
export class LedgerBook implements Ledger {
  #entries: LedgerEntry[] = [];
  #underWay = 0;
  #waiting: (() => void)[] = [];

  entries(filter: LedgerFilter = {}): LedgerEntry[] {
    return this.#entries.filter((entry) => matches(entry, filter)).map((entry) => structuredClone(entry));
  }

  calls(key?: string): number {
    return key === undefined ? this.#entries.length : this.#entries.filter((entry) => matches(entry, { key })).length;
  }

  totals(filter: LedgerFilter = {}): { requests: number; inputTokens: number; outputTokens: number } {
    const totals = { requests: 0, inputTokens: 0, outputTokens: 0 };
    for (const entry of this.#entries) {
      if (!matches(entry, filter)) continue;
      totals.requests += 1;
      totals.inputTokens += entry.usage?.inputTokens ?? 0;
      totals.outputTokens += entry.usage?.outputTokens ?? 0;
    }
    return totals;
  }

  async whenSettled(): Promise<void> {
    if (this.#underWay === 0) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Opens an entry; the caller fills it in while the call goes on, and closes it with `settle`. */
  open(entry: LedgerEntry): void {
    this.#entries.push(entry);
    this.#underWay += 1;
  }

  settle(): void {
    this.#underWay -= 1;
    if (this.#underWay > 0) return;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** Forgets the entries. Calls under way go on, and are waited for, without one. */
  clear(): void {
    this.#entries = [];
  }
}

/** An entry fit to be read by other processes: wherever the key or its token stood, the key's hint stands. */
export type PublishedEntry = Omit<LedgerEntry, "key" | "presented">;

const credentialHeaders = new Set(["authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie", "sec-websocket-protocol"]);

export function published(entry: LedgerEntry): PublishedEntry {
  const { key, presented, ...rest } = entry;
  const secrets = [presented, key].filter((secret) => secret !== "");
  const withoutKey = (text: string): string => secrets.reduce((left, secret) => left.replaceAll(secret, entry.keyHint), text);
  const requestHeaders = Object.fromEntries(
    Object.entries(entry.requestHeaders).map(([name, value]) => [name, credentialHeaders.has(name) ? entry.keyHint : withoutKey(value)]),
  );
  return { ...rest, requestHeaders, path: withoutKey(entry.path), query: withoutKey(entry.query), requestBody: withoutKey(entry.requestBody) };
}

/** The first three and last four characters; nothing of a key too short to hide the rest. */
export function hintOf(key: string): string {
  return key.length < 14 ? "…" : `${key.slice(0, 3)}…${key.slice(-4)}`;
}

function matches(entry: LedgerEntry, filter: LedgerFilter): boolean {
  return (
    (filter.provider === undefined || entry.provider === filter.provider) &&
    (filter.key === undefined || entry.key === filter.key) &&
    (filter.path === undefined || entry.path === filter.path)
  );
}
