// Reads a multipart/form-data body.
import type { Call } from "./dialect.ts";

/** Null when the body is no form. */
export async function formOf(call: Call): Promise<FormData | null> {
  const type = call.headers["content-type"] ?? "";
  if (!type.startsWith("multipart/form-data")) return null;
  return new Response(new Uint8Array(call.body), { headers: { "content-type": type } }).formData().catch(() => null);
}

/** A text field, or null when it is missing or a file. */
export function textField(form: FormData, name: string): string | null {
  const value = form.get(name);
  return typeof value === "string" ? value : null;
}
