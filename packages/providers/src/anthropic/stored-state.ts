/** The fields by which a body of an inference call reaches into what is kept at Anthropic: files, containers, own skills. */
import { anyField, isIdOrIds } from "../stored-names.ts";
import { object } from "../vendor-json.ts";
import type { Route } from "../provider.ts";

function namesStored(name: string, value: unknown): boolean {
  if (name === "file_id" || name === "memory_store_id") return isIdOrIds(value);
  if (name === "container") return isIdOrIds(value) || isIdOrIds(object(value)?.["id"]);
  // Anthropic's own skills are the same for everyone.
  return name === "skills" && Array.isArray(value) && value.some((skill) => object(skill)?.["type"] === "custom");
}

export function readsStored(route: Route, body: Readonly<Record<string, unknown>> | undefined): boolean {
  return route.stateful || anyField(body, namesStored);
}
