/** The fields by which the body of an inference call reaches into what is kept in an OpenRouter account. */
import { readsStored as readsOpenAIs } from "../openai/stored-state.ts";
import { text } from "../vendor-json.ts";
import type { Route } from "../provider.ts";

/** A preset is named by a field, or in the place of the model, alone or behind it: `@preset/name`, `openai/gpt@preset/name`. */
export function readsStored(route: Route, body: Readonly<Record<string, unknown>> | undefined): boolean {
  if (readsOpenAIs(route, body)) return true;
  if (!body) return false;
  const { models } = body;
  const named = [body["model"], ...(Array.isArray(models) ? models : [])];
  return typeof body["preset"] === "string" || named.some((model) => text(model)?.includes("@preset/") === true);
}
