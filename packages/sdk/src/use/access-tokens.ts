import { LRUCache } from "lru-cache";
import type { Provider, TokenOutcome } from "@stack-2025/byok-providers";
import type { ActiveKey } from "../byok.ts";
import type { Core } from "../core.ts";
import { askVendor } from "../keys/probe.ts";

/** A token is renewed this long before it ends, so that none ends on its way. */
const earlyMs = 60_000;
const tokensHeld = 10_000;

interface Held {
  token: string;
  expiresAt: number;
}

/**
 * What stored service accounts were exchanged for, by key version, in this process only. Callers that need one at the
 * same moment share one exchange; a refusal is never kept.
 */
export class AccessTokens {
  readonly #held = new LRUCache<string, Held>({ max: tokensHeld });
  readonly #flights = new Map<string, Promise<TokenOutcome>>();

  /** null: this key goes into its requests as it is. `fresh` is true for a token that was made for this very call. */
  async for(core: Pick<Core, "transport" | "baseUrl" | "clock">, provider: Provider, key: ActiveKey): Promise<{ outcome: TokenOutcome; fresh: boolean } | null> {
    if (!provider.accessToken) return null;
    const name = nameOf(key);
    const now = core.clock.now();
    const held = this.#held.get(name);
    if (held && held.expiresAt - earlyMs > now.getTime()) {
      return { outcome: { outcome: "token", token: held.token, expiresAt: new Date(held.expiresAt) }, fresh: false };
    }
    const flying = this.#flights.get(name);
    if (flying) return { outcome: await flying, fresh: true };
    const exchange = provider.accessToken(key.keyData, askVendor(core, provider, key.keyData), now, core.baseUrl(provider.type));
    if (!exchange) return null;
    const flight = exchange.finally(() => this.#flights.delete(name));
    this.#flights.set(name, flight);
    const outcome = await flight;
    if (outcome.outcome === "token") this.#held.set(name, { token: outcome.token, expiresAt: outcome.expiresAt.getTime() });
    return { outcome, fresh: true };
  }

  /** The vendor did not take it: the next call makes a new one. */
  drop(key: ActiveKey): void {
    this.#held.delete(nameOf(key));
  }

  clear(): void {
    this.#held.clear();
  }
}

const nameOf = (key: ActiveKey): string => `${key.keyId}:${key.version}`;
