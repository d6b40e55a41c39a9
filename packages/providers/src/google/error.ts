/**
 * Reads the errors of Google's APIs (google.rpc.Status over HTTP: `{ error: { code, message, status, details } }`), which
 * some endpoints and streams wrap in an array. The machine code is `ErrorInfo.reason`.
 */
import { answerObjects, object, objects, text } from "../vendor-json.ts";
import { durationMs } from "../waiting.ts";
import type { JsonObject } from "../vendor-json.ts";

export interface GoogleError {
  /** The HTTP status that the error names; inside a stream the only one there is. */
  status: number | null;
  /** `RESOURCE_EXHAUSTED`; the newer Interactions API has words of its own here: `quota_exceeded`. */
  state: string | null;
  /** `API_KEY_INVALID`. */
  reason: string | null;
  message: string;
  /** What the error's `ErrorInfo` says beside its reason. */
  metadata: JsonObject;
  /** The quotas that were passed. */
  quotas: { id: string; limit: string | null }[];
  retryDelayMs: number | null;
}

const absent: GoogleError = { status: null, state: null, reason: null, message: "", metadata: {}, quotas: [], retryDelayMs: null };

export function googleError(body: string): GoogleError {
  for (const answer of answerObjects(body)) {
    const error = object(answer["error"]);
    if (error) return read(error);
  }
  return absent;
}

function read(error: JsonObject): GoogleError {
  const details = objects(error["details"]);
  const ofType = (name: string): JsonObject | undefined => details.find((detail) => text(detail["@type"])?.endsWith(`google.rpc.${name}`));
  const info = ofType("ErrorInfo");
  return {
    status: typeof error["code"] === "number" ? error["code"] : null,
    state: text(error["status"]) ?? text(error["code"]) ?? null,
    reason: text(info?.["reason"]) ?? null,
    message: text(error["message"]) ?? "",
    metadata: object(info?.["metadata"]) ?? {},
    quotas: objects(ofType("QuotaFailure")?.["violations"]).map((quota) => ({ id: text(quota["quotaId"]) ?? "", limit: text(quota["quotaValue"]) ?? null })),
    retryDelayMs: durationMs(text(ofType("RetryInfo")?.["retryDelay"])) ?? null,
  };
}
