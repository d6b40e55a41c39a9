/** The model that a call of `generateContent` and its kin names. */
import { text } from "../vendor-json.ts";

/** Its own name, without the resource that it stands in: `gemini-3.6-flash` for `publishers/google/models/gemini-3.6-flash`. */
export function bareModel(model: string): string {
  return model.replace(/^.*(?:^|\/)models\//, "");
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // No text that Google would read either; it stands for itself.
    return segment;
  }
}

/** From the path, where the method follows it after a colon, else from the body. */
export function modelOf(path: string, body: Readonly<Record<string, unknown>> | undefined): string | null {
  const [, kind, name] = /\/(models|tunedModels|endpoints)\/([^/:?]+)/.exec(path) ?? [];
  if (name !== undefined) return kind === "models" ? decoded(name) : `${kind}/${decoded(name)}`;
  const named = text(body?.["model"]);
  return named === undefined ? null : bareModel(named);
}
