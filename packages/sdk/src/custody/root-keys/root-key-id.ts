/** Names of root keys, as they are stored beside what they wrap. */
import { ConfigurationError } from "@stack-2025/byok-crypto";

const mostCharacters = 256;

/** @throws ConfigurationError where the name is empty, too long to store, or would not print */
export function requireRootKeyId(id: string): string {
  if (id.length <= mostCharacters && /^[\x21-\x7e]+$/.test(id)) return id;
  throw new ConfigurationError(`The root key's id is not 1 to ${mostCharacters} printable characters without blanks. Set the option id to a shorter one.`, {
    details: { field: "id" },
  });
}

/** @throws ConfigurationError where it is not a text with something in it */
export function requireText(field: string, value: unknown): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new ConfigurationError(`${field} is not set; the root key cannot be found without it.`, { details: { field } });
}
