/** The fields by which the body of a call reaches into what is kept in a Google project, in either spelling that Google takes. */
import { anyField, isIdOrIds } from "../stored-names.ts";
import type { Route } from "../provider.ts";

const idFields: ReadonlySet<string> = new Set([
  "cachedContent", "cached_content", "previousInteractionId", "previous_interaction_id", "continuationToken", "continuation_token",
  "fileSearchStoreNames", "file_search_store_names", "fileSearchStore", "file_search_store", "agent", "environment", "environment_id",
  "phraseSetReferences", "phrase_set_references", "phraseSet", "phrase_set", "customClass", "custom_class",
]);
const uriFields: ReadonlySet<string> = new Set(["fileUri", "file_uri", "uri", "gcsUri", "gcs_uri"]);

/** A file of the project is at Google's own address or in its storage; another address is read by Google from the open web. */
function namesStored(name: string, value: unknown): boolean {
  if (idFields.has(name)) return isIdOrIds(value);
  return uriFields.has(name) && typeof value === "string" && /^gs:\/\/|googleapis\.com\/|^files\//i.test(value);
}

export function readsStored(route: Route, body: Readonly<Record<string, unknown>> | undefined): boolean {
  return route.stateful || anyField(body, namesStored);
}
