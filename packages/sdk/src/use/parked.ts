/**
 * Keys that rest for a while: the provider said slow down, or called them dead and a probe is on its way. Kept in this
 * process only. A 429 parks a key for one model, not the key.
 */
export class Parked {
  readonly #until = new Map<string, number>();

  /** `untilMs` is a moment of the wall clock, in milliseconds. */
  park(keyId: string, model: string | null, untilMs: number): void {
    const name = nameOf(keyId, model);
    this.#until.set(name, Math.max(untilMs, this.#until.get(name) ?? 0));
  }

  release(keyId: string, model: string | null): void {
    this.#until.delete(nameOf(keyId, model));
  }

  /** When the key may be taken again; null: now. */
  until(keyId: string, model: string | null, now: number): number | null {
    if (this.#until.size === 0) return null;
    let latest: number | null = null;
    for (const name of model === null ? [nameOf(keyId, null)] : [nameOf(keyId, null), nameOf(keyId, model)]) {
      const until = this.#until.get(name);
      if (until === undefined) continue;
      if (until <= now) this.#until.delete(name);
      else latest = Math.max(latest ?? 0, until);
    }
    return latest;
  }
}

function nameOf(keyId: string, model: string | null): string {
  return model === null ? keyId : `${keyId} ${model}`;
}
