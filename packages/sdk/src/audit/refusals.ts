import { LRUCache } from "lru-cache";
import { PermissionDeniedError } from "@stack-2025/byok-crypto";
import type { Core } from "../core.ts";
import { ensureOwner } from "../keys/store.ts";
import type { OwnerRef } from "../owners.ts";
import type { Scope } from "../scope.ts";
import { appendAudit } from "./append.ts";

/** At most one event for a caller and a reason in this time. */
const windowMs = 60_000;
const sweepMs = 5_000;
/** Callers and reasons that are counted at once; beyond, the one that was refused longest ago is written early. */
const mostCounted = 10_000;

interface Refused {
  readonly home: OwnerRef;
  readonly actor: string;
  readonly reason: string;
  readonly action: string | null;
  /** By the clock that never jumps: when the next event may be written. */
  until: number;
  /** Refusals that no event tells of yet. */
  count: number;
}

/**
 * Refusals, in the trail of whoever was refused: never in that of the owner they knocked at, which a stranger could then fill.
 * The first is written at once, and those of the next minute together, with their count. The caller never waits for it.
 */
export class Refusals {
  readonly #core: Pick<Core, "database" | "keyring" | "clock" | "background" | "ownerRef" | "logger">;
  readonly #told = new WeakSet<object>();
  readonly #refused: LRUCache<string, Refused>;
  readonly #timer: NodeJS.Timeout;

  constructor(core: Pick<Core, "database" | "keyring" | "clock" | "background" | "ownerRef" | "logger">) {
    this.#core = core;
    this.#refused = new LRUCache({ max: mostCounted, dispose: (one, _, why) => why === "evict" && this.#write(one) });
    this.#timer = setInterval(() => this.sweep(), sweepMs).unref();
  }

  /** Counts an error, once, where it refuses something to a principal; everything else passes unseen. */
  note(scope: Pick<Scope, "access" | "actor">, error: unknown): void {
    if (!(error instanceof PermissionDeniedError) || error.code !== "PERMISSION_DENIED" || scope.access.kind === "trusted" || this.#told.has(error)) return;
    this.#told.add(error);
    const { reason, action } = error.details;
    const named = { reason: typeof reason === "string" ? reason : "refused", action: typeof action === "string" ? action : null };
    const name = JSON.stringify([scope.actor, named.reason, named.action]);
    const known = this.#refused.get(name);
    if (known) {
      known.count += 1;
      return;
    }
    const first: Refused = { home: this.#homeOf(scope), actor: scope.actor, ...named, until: this.#core.clock.monotonic() + windowMs, count: 1 };
    this.#refused.set(name, first);
    this.#write(first);
  }

  /** Writes what a minute that is over has counted. */
  sweep(): void {
    const now = this.#core.clock.monotonic();
    for (const [name, one] of this.#refused.entries()) {
      if (now < one.until) continue;
      if (one.count === 0) this.#refused.delete(name);
      else {
        one.until = now + windowMs;
        this.#write(one);
      }
    }
  }

  /** Writes what is counted so far, in the background, and counts no more. */
  close(): void {
    clearInterval(this.#timer);
    for (const one of this.#refused.values()) this.#write(one);
    this.#refused.clear();
  }

  #write(one: Refused): void {
    const { count, home, actor, reason, action } = one;
    if (count === 0) return;
    one.count = 0;
    const { database } = this.#core;
    this.#core.background(
      database.inTenant({ owners: [home.id] }, async (trx) => {
        await ensureOwner(trx, home);
        await appendAudit(trx, this.#core, { ownerId: home.id, actor, action: "access.refused", target: null, details: { reason, action, count } });
      }),
    );
  }

  #homeOf({ access }: Pick<Scope, "access">): OwnerRef {
    const { ownerRef } = this.#core;
    if (access.kind === "user") return ownerRef({ userId: access.userId });
    if (access.kind === "organization") return ownerRef({ organizationId: access.organizationId });
    // Trusted code is refused nothing; a service-wide token belongs to the operator.
    return ownerRef((access.kind === "token" ? access.owner : null) ?? { system: true });
  }
}
