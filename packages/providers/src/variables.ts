/**
 * Environment variables as users of the vendors' SDKs set them, and the keys that they make. The rules are here, the names
 * in each provider's folder; nothing here reads the environment or a file.
 */

/** What a variable of the vendor's world is. */
export type Variable =
  | {
      readonly name: string;
      /** The field of key data that it gives. */
      readonly field: string;
      /** It makes a key of its own; the others only go with one. */
      readonly key?: true;
      /** Its value is the path of a file whose content is the field. */
      readonly file?: true;
      /** It goes with keys of this field alone. */
      readonly beside?: string;
    }
  /** Known, and no part of a key; in words that follow its name. */
  | { readonly name: string; readonly field: null; readonly note: string };

/** Key data as variables have it: neither checked nor read from files yet. */
export interface VariableKey {
  /** Where each field is from; the key's own variables first. */
  variables: string[];
  keyData: Record<string, string>;
  /** The field whose value is still the path of a file; null: none is. */
  fileField: string | null;
}

/** `…_1`, `…2`: a further key. `…_BACKUP`, `…_BACKUP_2`: one for when the others fail. Absent: the first. */
const suffixes = /^(?:_?(\d{1,3}))?$|^_BACKUP(?:_?(\d{1,3}))?$/;

/** Its place in order: the plain one, the numbered ones, the backups; undefined where the ending is none of these. */
function rankOf(suffix: string): number | undefined {
  const match = suffixes.exec(suffix);
  if (!match) return undefined;
  const backup = suffix.startsWith("_BACKUP");
  return (backup ? 10_000 : 0) + Number(match[1] ?? match[2] ?? 0);
}

/**
 * The keys of one provider that an environment holds, the most important first: by their endings, then in the order in
 * which the vendor's own SDK would look. The same secret under several names is one key. Values that are empty are left
 * in, so that who asks can say what became of each variable.
 */
export function keysFromVariables(known: readonly Variable[], env: Readonly<Record<string, string | undefined>>): VariableKey[] {
  const parts = known.filter((one) => one.field !== null);
  const found = parts.flatMap((one, place) =>
    one.key !== true
      ? []
      : Object.entries(env).flatMap(([name, value]) => {
          const rank = name.startsWith(one.name) ? rankOf(name.slice(one.name.length)) : undefined;
          return rank === undefined || value === undefined ? [] : [{ one, name, value, suffix: name.slice(one.name.length), rank, place }];
        }),
  );
  const keys = new Map<string, VariableKey>();
  for (const { one, name, value, suffix } of found.toSorted((a, b) => a.rank - b.rank || a.place - b.place)) {
    const same = JSON.stringify([one.field, one.file === true, value.trim()]);
    const before = value.trim() === "" ? undefined : keys.get(same);
    if (before) {
      before.variables.push(name);
      continue;
    }
    const key: VariableKey = { variables: [name], keyData: { [one.field]: value }, fileField: one.file === true ? one.field : null };
    addCompanions(key, one.field, parts, suffix, env);
    keys.set(value.trim() === "" ? name : same, key);
  }
  return [...keys.values()];
}

/** Fields that go with the key: under its own ending where they are set so, else under none. */
function addCompanions(key: VariableKey, field: string, parts: readonly Extract<Variable, { field: string }>[], suffix: string, env: Readonly<Record<string, string | undefined>>): void {
  for (const companion of parts) {
    if (companion.key === true || companion.field in key.keyData || (companion.beside !== undefined && companion.beside !== field)) continue;
    const name = [`${companion.name}${suffix}`, companion.name].find((one) => env[one] !== undefined && env[one].trim() !== "");
    const value = name === undefined ? undefined : env[name];
    if (name === undefined || value === undefined) continue;
    key.keyData[companion.field] = value;
    key.variables.push(name);
  }
}

/** A base URL is the operator's to set, for all keys at once. */
export const baseUrlNote = "is an address; the operator sets it as BYOK_PROVIDER_URL_…";
export const settingNote = "is a setting of the SDK and no part of a key";
