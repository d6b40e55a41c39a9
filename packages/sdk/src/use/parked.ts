/** One version of a key: what rests is the secret, so a rotated key begins rested. */
export interface ParkedKey {
  readonly keyId: string;
  readonly version: number;
}

/**
 * Keys that rest for a while: the provider said slow down, or called them dead and a probe is on its way. Kept in this
 * process only. A 429 parks a key for one model, not the key.
 */
export class Parked {
  readonly #until = new Map<string, number>();
  readonly #suspected = new Set<string>();

  /** `untilMs` is a moment of the wall clock, in milliseconds. */
  park(key: ParkedKey, model: string | null, untilMs: number): void {
    const name = nameOf(key, model);
    this.#until.set(name, Math.max(untilMs, this.#until.get(name) ?? 0));
  }

  /** Rests the key because its provider called it dead; `release` ends it. */
  suspect(key: ParkedKey, untilMs: number): void {
    this.park(key, null, untilMs);
    this.#suspected.add(nameOf(key, null));
  }

  release(key: ParkedKey, model: string | null): void {
    this.#until.delete(nameOf(key, model));
    if (model === null) this.#suspected.delete(nameOf(key, null));
  }

  /** True while a probe decides whether the key is dead. */
  suspected(key: ParkedKey, now: number): boolean {
    return this.#suspected.size > 0 && this.#suspected.has(nameOf(key, null)) && this.until(key, null, now) !== null;
  }

  /** When the key may be taken again; null: now. */
  until(key: ParkedKey, model: string | null, now: number): number | null {
    if (this.#until.size === 0) return null;
    let latest: number | null = null;
    for (const name of model === null ? [nameOf(key, null)] : [nameOf(key, null), nameOf(key, model)]) {
      const until = this.#until.get(name);
      if (until === undefined) continue;
      if (until <= now) {
        this.#until.delete(name);
        this.#suspected.delete(name);
      } else latest = Math.max(latest ?? 0, until);
    }
    return latest;
  }
}

function nameOf({ keyId, version }: ParkedKey, model: string | null): string {
  return model === null ? `${keyId}.${version}` : `${keyId}.${version} ${model}`;
}
