/** An absent field and one that is `undefined` mean the same and must look the same. */

/** A copy without the fields that are `undefined`. */
export function present<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const copy: { [K in keyof T]?: Exclude<T[K], undefined> } = Object.assign(Object.create(Object.prototype), fields);
  for (const name in copy) if (copy[name] === undefined) Reflect.deleteProperty(copy, name);
  return copy;
}
