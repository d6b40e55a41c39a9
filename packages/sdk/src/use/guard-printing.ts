const inspect = Symbol.for("nodejs.util.inspect.custom");

/**
 * Makes an object that holds secrets print without them: JSON, `util.inspect`, template strings. The fields stay own and
 * enumerable, since the vendors' SDKs spread their options; a spread copy is a plain object and prints.
 */
export function guardPrinting<T extends object>(value: T, label: string, shown: Record<string, unknown> = {}): T {
  const text = `[${label}]`;
  const hooks: PropertyDescriptorMap = {
    toJSON: { value: () => ({ ...shown, secret: "[secret]" }) },
    toString: { value: () => text },
    [inspect]: { value: () => `${text} ${JSON.stringify({ ...shown, secret: "[secret]" })}` },
    [Symbol.toPrimitive]: { value: () => text },
  };
  return Object.defineProperties(value, hooks);
}

/** `guardPrinting` for every plain object inside too. */
export function guardDeeply<T extends object>(value: T, label: string): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === "object" && inner !== null && Object.getPrototypeOf(inner) === Object.prototype) guardDeeply(inner as object, label);
  }
  return guardPrinting(value, label);
}
