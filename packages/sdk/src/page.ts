import type { Page } from "./byok.ts";

/** A page that iterates its items; only `items` and `nextCursor` are enumerable. */
export function page<T>(items: T[], nextCursor: string | null): Page<T> {
  const value = { items, nextCursor };
  return Object.defineProperty(value, Symbol.iterator, { value: () => items[Symbol.iterator](), enumerable: false }) as typeof value & Iterable<T>;
}
