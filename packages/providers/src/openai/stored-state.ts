/** The fields by which the body of an inference call reaches into what is kept at OpenAI. */
import { anyField, isIdOrIds } from "../stored-names.ts";
import { object } from "../vendor-json.ts";
import type { Route } from "../provider.ts";

const responseFields = ["previous_response_id", "conversation", "prompt"] as const;
const idFields: ReadonlySet<string> = new Set(["file_id", "file_ids", "vector_store_ids", "container", "container_id"]);

/** A container that is described (`{ type: "auto" }`) is made for the call; one that is named by its id was there before. */
function namesStored(name: string, value: unknown): boolean {
  if (idFields.has(name)) return isIdOrIds(value);
  // An item of an earlier response; an earlier answer's audio.
  return (name === "type" && value === "item_reference") || (name === "audio" && typeof object(value)?.["id"] === "string");
}

export function readsStored(route: Route, body: Readonly<Record<string, unknown>> | undefined): boolean {
  if (route.stateful) return true;
  if (!body) return false;
  const ofResponses = route.operation.startsWith("responses") && responseFields.some((name) => body[name] !== undefined && body[name] !== null);
  return ofResponses || anyField(body, namesStored);
}
