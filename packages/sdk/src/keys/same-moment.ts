/**
 * Of rotations, rollbacks and deletions that are under way at one moment, one wins. Between processes the version that a
 * call has read decides; within one a call can read so late that it sees the winner's version, though it began before: such
 * a caller has not seen what it would replace either.
 */
import { LRUCache } from "lru-cache";
import type { Core } from "../core.ts";

const keysHeld = 10_000;
const changes = new WeakMap<Core["database"], LRUCache<string, number>>();

function countsOf({ database }: Core): LRUCache<string, number> {
  let counts = changes.get(database);
  if (!counts) changes.set(database, (counts = new LRUCache({ max: keysHeld })));
  return counts;
}

/** Call it before anything is awaited. */
export interface Moment {
  /** True once a change of the key that was under way with this one has been made. */
  passed(): boolean;
  /** This change has been made. */
  end(): void;
}

export function momentOf(core: Core, keyId: string): Moment {
  const counts = countsOf(core);
  const begun = counts.get(keyId) ?? 0;
  return {
    passed: () => (counts.get(keyId) ?? 0) !== begun,
    end: () => void counts.set(keyId, (counts.get(keyId) ?? 0) + 1),
  };
}
