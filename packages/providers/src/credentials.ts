/**
 * The checks that pasted key data goes through, lenient because vendors change their formats: what they refuse could
 * not be sent in a header, or is beyond doubt another vendor's. The probe is the authority on the rest. A provider
 * builds its schema from these fields, so that the schema stays the one source of check, type, form and document.
 */
import { KeyValidationError } from "@stack-2025/byok-crypto";
import { z } from "zod";
import { foreignKey } from "./key-prefixes.ts";
import { object } from "./vendor-json.ts";
import type { KeyData } from "./key-data.ts";
import type { ProviderType } from "./provider-type.ts";

/** What can be wrong with a field; `details.problem` of the error. */
export type CredentialProblem =
  | "missing"
  | "wrong_type"
  | "empty"
  | "too_long"
  | "line_break"
  | "nul"
  | "control_character"
  | "space"
  | "no_break_space"
  | "zero_width"
  | "direction_mark"
  | "smart_quote"
  | "look_alike"
  | "not_ascii"
  | "quoted"
  | "bearer_prefix"
  | "assignment"
  | "placeholder"
  | "other_provider"
  | "wrong_kind"
  | "exchanged"
  | "conflicting"
  | "not_a_sid"
  | "not_in_list"
  | "not_a_location"
  | "not_json"
  | "double_encoded"
  | "duplicate_name"
  | "not_a_private_key"
  | "foreign_address"
  | "unknown_field";

/** One fault of one field. The message is the rest of a sentence that begins with the field's name; it never quotes the value. */
export interface CredentialFault {
  problem: CredentialProblem;
  message: string;
  /** Position of the first bad character, from 1, in the trimmed text. */
  at?: number;
}

/** The longest secret that is taken, in bytes after trimming. */
const secretMaxBytes = 8_192;
const identifierMaxBytes = 256;

/** What the checks say about a field: `OpenAI key`, with the provider it belongs to. */
interface FieldKind {
  provider: ProviderType;
  /** With its article: `an OpenAI key`. */
  what: string;
}

/** Surrounding white space (NBSP and the byte-order mark are white space to JavaScript) comes from copying. */
const trimmed = (text: string): string => text.trim();

const characters: readonly [pattern: RegExp, problem: CredentialProblem, name: string][] = [
  [/[\n\r\u2028\u2029\u0085]/, "line_break", "a line break"],
  [/\0/, "nul", "a NUL character"],
  [/[ \t]/, "space", "a space"],
  [/\p{Cc}/u, "control_character", "a control character"],
  [/[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/, "no_break_space", "a no-break or other special space"],
  [/[\u200b-\u200d\u2060-\u2064\u00ad\ufeff\u180e]/, "zero_width", "an invisible character"],
  [/[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/, "direction_mark", "an invisible direction mark"],
  [/[\u2018-\u201f\u2039\u203a\u00ab\u00bb\u2032\u2033]/, "smart_quote", "a typographic quotation mark"],
  [/[\u2010-\u2015\u2212\uff01-\uff5e\u{1d400}-\u{1d7ff}\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u, "look_alike", "a character that only looks like a Latin letter or sign"],
];

/** The first character that is not printable ASCII, named. */
function characterFault(text: string, what: string): CredentialFault | undefined {
  const index = text.search(/[^\x21-\x7e]/u);
  if (index === -1) return undefined;
  const character = String.fromCodePoint(text.codePointAt(index) ?? 0);
  const [, problem, name] = characters.find(([pattern]) => pattern.test(character)) ?? [undefined, "not_ascii" as const, "a character outside ASCII"];
  const rule = problem === "line_break" ? "is a single line" : "has only letters, digits and signs of the ASCII set, without spaces";
  return {
    problem,
    at: index + 1,
    message: `has ${name} at character ${index + 1}; ${what} ${rule}. Copy it again and paste it whole.`,
  };
}

/** Things that are pasted around or instead of a key. */
function wrappingFault(text: string, what: string): CredentialFault | undefined {
  if (/^bearer[\s:]/i.test(text) || /^(?:token|basic)\s/i.test(text)) {
    return { problem: "bearer_prefix", message: `begins with the word of an Authorization header. Paste ${what} alone, without that word.` };
  }
  if (/^["'`]|["'`]$/.test(text)) {
    return { problem: "quoted", message: `stands in quotation marks. Paste ${what} without them.` };
  }
  if (/^(?:\$\{.*\}|\$[A-Z][A-Z0-9_]*|\{\{.*\}\}|<.*>|%[A-Z][A-Z0-9_]*%|process\.env\b.*|undefined|null|\[object \w+\])$/s.test(text)) {
    return { problem: "placeholder", message: `holds the name of a variable or a placeholder, not its content. Put the value itself there.` };
  }
  if (/^(?:export\s+)?[A-Z][A-Z0-9]*_[A-Z0-9_]*\s*=./.test(text)) {
    return { problem: "assignment", message: `begins with the name of a variable and "=". Paste only what follows the sign.` };
  }
  return undefined;
}

/** What is wrong with a pasted secret, if anything. `text` is trimmed already. */
function secretFault(text: string, kind: FieldKind): CredentialFault | undefined {
  if (text === "") return { problem: "empty", message: `is empty. Paste ${kind.what}.` };
  // This cheap bound comes first: everything below reads the whole text.
  // A text of ASCII alone has as many bytes as characters, and no other passes.
  if (text.length > secretMaxBytes) {
    return { problem: "too_long", message: `is longer than 8 KiB; ${kind.what} is much shorter. Copy the key alone.` };
  }
  const foreign = foreignKey(text, kind.provider);
  if (foreign) {
    return { problem: "other_provider", message: `looks like ${foreign}, not ${kind.what}. Store it for the provider that it belongs to.` };
  }
  return wrappingFault(text, kind.what) ?? characterFault(text, kind.what);
}

function report(context: z.core.ParsePayload, fault: CredentialFault | undefined): void {
  if (!fault) return;
  const { message, ...params } = fault;
  context.issues.push({ code: "custom", message, params, input: undefined });
}

/** A check that reports a fault of the field's trimmed text. */
const refusing = (faultOf: (text: string) => CredentialFault | undefined) => (context: z.core.ParsePayload<string>) => {
  // One sentence an error: a further check would only repeat what is wrong already.
  if (context.issues.length === 0) report(context, faultOf(context.value));
};

/** Describes a field for forms and documents. */
interface FieldMeta {
  /** The label of the form: `API key`. */
  title: string;
  description?: string;
}

/** A secret that the customer pastes. `more` refuses further texts that this provider knows to be wrong. */
export function secretField(kind: FieldKind, meta: FieldMeta, more?: (text: string) => CredentialFault | undefined) {
  return z
    .string()
    .overwrite(trimmed)
    .check(refusing((text) => (text === "" ? undefined : more?.(text)) ?? secretFault(text, kind)))
    .meta({ ...meta, secret: true });
}

/** An id that is no secret and goes into a header or a path: printable ASCII without spaces. */
export function identifierField(what: string, meta: FieldMeta, more?: (text: string) => CredentialFault | undefined) {
  return z
    .string()
    .overwrite(trimmed)
    .check(
      refusing((text) => {
        if (text === "") return { problem: "empty", message: `is empty. Leave it out, or give ${what}.` };
        if (text.length > identifierMaxBytes) return { problem: "too_long", message: `is longer than ${identifierMaxBytes} characters; ${what} is shorter.` };
        return more?.(text) ?? wrappingFault(text, what) ?? characterFault(text, what);
      }),
    )
    .meta({ ...meta, secret: false });
}

/** One of a fixed list, such as the vendor's own regions: what a customer writes never becomes part of a host name. */
export function choiceField<const T extends readonly [string, ...string[]]>(choices: T, meta: FieldMeta) {
  return z.enum(choices).meta({ ...meta, secret: false });
}

/** A field's name may be printed only where it cannot be a secret that was pasted as a name. */
const printableName = (name: string): boolean => /^[A-Za-z_]{1,32}$/.test(name);

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (ArrayBuffer.isView(value)) return "bytes";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

interface FieldFault extends CredentialFault {
  field: string;
}

function valueAt(keyData: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => object(value)?.[String(key)], keyData);
}

/** The first fault, in our words. zod's own issues do not hold the input unless asked for; nothing here quotes it either. */
function fieldFault(issue: z.core.$ZodIssue, keyData: unknown): FieldFault {
  const field = ["keyData", ...issue.path.map(String)].join(".");
  switch (issue.code) {
    case "custom":
      // `report` put them there.
      return { field, message: issue.message, problem: issue.params?.["problem"], ...(issue.params?.["at"] && { at: issue.params["at"] }) };
    case "unrecognized_keys": {
      const name = issue.keys.find(printableName);
      return name
        ? { field: `${field}.${name}`, problem: "unknown_field", message: "is no field of this provider. Leave it out." }
        : { field, problem: "unknown_field", message: "has a field that this provider does not know. Leave it out." };
    }
    case "invalid_value":
      return { field, problem: "not_in_list", message: `is not one of ${issue.values.map(String).join(", ")}. Choose one of these, or leave it out.` };
    default: {
      const value = valueAt(keyData, issue.path);
      if (value === undefined) return { field, problem: "missing", message: "is missing. Give it." };
      const wanted = issue.path.length === 0 ? "an object with the provider's fields" : "text";
      return { field, problem: "wrong_type", message: `is ${kindOf(value)}; it has to be ${wanted}.` };
    }
  }
}

/** The schema of a provider's key data: what it gives is what {@link KeyData} promises. */
export type CredentialSchema<P extends ProviderType> = z.ZodType<KeyData<P>>;

/**
 * Trims and checks key data against its schema. Parsing what was parsed gives the same again.
 *
 * @throws KeyValidationError with `details: { field, problem, at?, provider }`; the message says which field, what is
 * wrong and what to do, and never holds the value
 */
export function parseKeyData<P extends ProviderType>(provider: P, schema: CredentialSchema<P>, keyData: unknown): KeyData<P> {
  const parsed = schema.safeParse(keyData);
  if (parsed.success) {
    const { data } = parsed;
    // `{ organization: undefined }` and `{}` are the same credentials and have to look the same.
    for (const name in data) if (data[name] === undefined) Reflect.deleteProperty(data, name);
    return data;
  }
  const [issue] = parsed.error.issues;
  if (!issue) throw new Error("zod refused key data without naming an issue");
  const { field, message, ...facts } = fieldFault(issue, keyData);
  throw new KeyValidationError(`${field} ${message}`, { details: { field, ...facts, provider } });
}
