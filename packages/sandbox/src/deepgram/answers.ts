// The headers and refusals that Deepgram's routes share. Errors have three shapes: older ones `err_code`, newer ones `category`, and
// some are plain text. Shapes and codes: Deepgram's error page and OpenAPI specification, read 2026-11-24.
import type { Call, PlainAnswer, Refusals } from "../dialect.ts";
import { echoing, json } from "../dialect.ts";

/** On every answer. */
export function vendorHeaders(call: Call): Record<string, string> {
  return { "dg-request-id": call.requestId };
}

export function told(call: Call, body: unknown, status = 200): PlainAnswer {
  return json(status, vendorHeaders(call), body);
}

/** A refused handshake has nothing but headers: the body is in one of them, too. */
export function refusal(
  call: Call,
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): PlainAnswer {
  const body = { err_code: code, err_msg: message, request_id: call.requestId };
  if (call.headers["upgrade"] === undefined) return json(status, { ...vendorHeaders(call), ...headers }, body);
  return { status, headers: { ...vendorHeaders(call), ...headers, "dg-error": JSON.stringify(body) }, body: "" };
}

/** The newer shape. */
export function modernRefusal(call: Call, status: number, category: string, message: string, details: string): PlainAnswer {
  return json(status, vendorHeaders(call), { category, message, details, request_id: call.requestId });
}

export function notFound(call: Call): PlainAnswer {
  return { status: 404, headers: { "content-type": "text/plain", ...vendorHeaders(call) }, body: "Not Found" };
}

export function methodNotAllowed(call: Call): PlainAnswer {
  return { status: 405, headers: { "content-type": "text/plain", ...vendorHeaders(call) }, body: "Method Not Allowed" };
}

export function tooLarge(call: Call): PlainAnswer {
  return refusal(call, 413, "PAYLOAD_TOO_LARGE", "Payload Too Large");
}

export function badKey(call: Call): PlainAnswer {
  return refusal(call, 401, "INVALID_AUTH", "Invalid credentials.");
}

export function notPermitted(call: Call): PlainAnswer {
  return refusal(call, 401, "INSUFFICIENT_PERMISSIONS", "User does not have sufficient permissions.");
}

/** What keys without rights over their project may not touch. */
export function isManaging(path: string): boolean {
  return /^\/v1\/(projects(\/|$)|auth\/grant$)/.test(path);
}

export const refusals: Refusals = {
  badKey,
  noQuota: (call) =>
    call.paid
      ? refusal(
          call,
          402,
          "ASR_PAYMENT_REQUIRED",
          "Project does not have enough credits for an ASR request and does not have an overage agreement.",
        )
      : null,
  rateLimited: (call) => refusal(call, 429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later"),
  serverError,
  scoped: (call) => (isManaging(call.path) ? notPermitted(call) : null),
  echoKey: (call) => {
    const key = call.credential.presented ?? call.credential.key;
    const answer = json(401, vendorHeaders(call), {
      err_code: "INVALID_AUTH",
      err_msg: `Invalid credentials: ${key}`,
      request_id: call.requestId,
    });
    return echoing(answer, key);
  },
};

function serverError(call: Call, status: number): PlainAnswer {
  if (status === 502)
    return {
      status,
      headers: { "content-type": "text/html", ...vendorHeaders(call) },
      body: "<html><head><title>502 Bad Gateway</title></head></html>",
    };
  if (status === 503) return refusal(call, 503, "SERVICE_UNAVAILABLE", "The service is temporarily unavailable.");
  return refusal(call, status, "INTERNAL_SERVER_ERROR", "Internal Server Error");
}
