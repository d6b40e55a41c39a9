const inspect = Symbol.for("nodejs.util.inspect.custom");

/**
 * Makes an object that holds secrets, and every object inside, print without them: JSON, `util.inspect`, template strings.
 * The fields stay own and enumerable, since the vendors' SDKs spread their options; a spread copy is a plain object and
 * prints. The object is frozen: it is a copy of what the service keeps.
 */
export function guardPrinting<T extends object>(value: T, label: string): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === "object" && inner !== null) guardPrinting(inner as object, label);
  }
  const text = `[${label}]`;
  return Object.freeze(
    Object.defineProperties(value, {
      toJSON: { value: () => text },
      toString: { value: () => text },
      [inspect]: { value: () => text },
      [Symbol.toPrimitive]: { value: () => text },
    }),
  );
}
