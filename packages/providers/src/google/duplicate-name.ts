/**
 * Finds a name that an object of a JSON text has twice. `JSON.parse` takes the last one in silence, other parsers the first:
 * what was checked would not be what another program reads.
 */

/** Strings and the signs that give a text its shape; the text is JSON already. */
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** True where some object in the text names a field twice. The text has to be JSON. */
export function hasDuplicateName(json: string): boolean {
  /** The names of each object that is open; null for an array. */
  const open: (Set<string> | null)[] = [];
  let text: string | undefined;
  for (const [token] of json.matchAll(tokens)) {
    switch (token) {
      case "{":
        open.push(new Set());
        break;
      case "[":
        open.push(null);
        break;
      case "}":
      case "]":
        open.pop();
        break;
      case ":": {
        const names = open.at(-1);
        // Escapes make one name of several spellings.
        const name: unknown = text === undefined ? undefined : JSON.parse(text);
        if (names && typeof name === "string") {
          if (names.has(name)) return true;
          names.add(name);
        }
        break;
      }
      default:
        if (token !== ",") text = token;
    }
  }
  return false;
}
