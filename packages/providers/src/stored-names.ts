/** Finds out whether the body of a call names something that is kept at the vendor. */

/** Bodies nest this deep at most before they are taken to hide something. */
const depthLimit = 64;

/** True where a field of the body, however deep, satisfies `names`, or the body nests too deep to tell. */
export function anyField(body: unknown, names: (name: string, value: unknown) => boolean, depth = 0): boolean {
  if (typeof body !== "object" || body === null) return false;
  if (depth > depthLimit) return true;
  if (Array.isArray(body)) return body.some((item) => anyField(item, names, depth + 1));
  return Object.entries(body).some(([name, value]) => names(name, value) || anyField(value, names, depth + 1));
}

/** One id, or a list with at least one. A field of a tool's JSON schema has an object here and names nothing. */
export function isIdOrIds(value: unknown): boolean {
  return (typeof value === "string" && value !== "") || (Array.isArray(value) && value.length > 0);
}
