// The headers, refusals and forms that Twilio's routes share. Codes: Twilio's error dictionary, read 2026-11-24.
import type { Call, PlainAnswer, Refusals } from "../dialect.ts";
import { badGatewayPage, echoing, json } from "../dialect.ts";

/** On every answer. */
function vendorHeaders(call: Call): Record<string, string> {
  return { "twilio-request-id": call.requestId, "twilio-concurrent-requests": "1", "twilio-request-duration": "0.041" };
}

export function told(call: Call, status: number, body: unknown): PlainAnswer {
  return json(status, vendorHeaders(call), body);
}

export function deleted(call: Call): PlainAnswer {
  return { status: 204, headers: vendorHeaders(call), body: "" };
}

export function refusal(call: Call, status: number, code: number, message: string, headers: Record<string, string> = {}): PlainAnswer {
  const body = { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status };
  return json(status, { ...vendorHeaders(call), ...headers }, body);
}

export function notAuthenticated(call: Call, message = "Authenticate"): PlainAnswer {
  return refusal(call, 401, 20003, message, { "www-authenticate": 'Basic realm="Twilio API"' });
}

export function notFound(call: Call): PlainAnswer {
  return refusal(call, 404, 20404, `The requested resource ${call.path} was not found`);
}

export function methodNotAllowed(call: Call): PlainAnswer {
  return refusal(call, 405, 20004, "Method not allowed");
}

export function tooLarge(call: Call): PlainAnswer {
  return refusal(call, 413, 20001, "Request entity too large");
}

export const refusals: Refusals = {
  badKey: (call) => notAuthenticated(call),
  noQuota: (call) => (call.paid ? refusal(call, 403, 20005, "Account not active") : null),
  rateLimited: (call) => refusal(call, 429, 20429, "Too Many Requests", { "twilio-concurrent-requests": "101" }),
  serverError,
  scoped: (call) => (call.method === "GET" ? refusal(call, 401, 70051, "Authorization Failed") : null),
  echoKey: (call) => echoing(refusal(call, 401, 20003, `Authenticate: ${call.credential.key}`), call.credential.key),
  testCredentials: (call) => (mayTest(call) ? null : refusal(call, 403, 20008, "Resource not accessible with Test Account Credentials")),
};

/** What test credentials open. */
function mayTest(call: Call): boolean {
  return call.method === "POST" && /\/(Messages|Calls|IncomingPhoneNumbers)\.json$/.test(call.path);
}

function serverError(call: Call, status: number): PlainAnswer {
  if (status === 502) return badGatewayPage();
  return status === 503 ? refusal(call, 503, 20503, "Service Unavailable") : refusal(call, status, 20500, "Internal Server Error");
}

/** The fields of a form body. */
export function formOf(call: Call): URLSearchParams {
  return new URLSearchParams(call.body.toString("utf8"));
}

/** As in `Tue, 24 Nov 2026 10:00:00 +0000`. */
export function dateOf(at: Date): string {
  return at.toUTCString().replace("GMT", "+0000");
}

/** A SID of this call: two letters and 32 hexadecimal digits. */
export function sidOf(call: Call, prefix: string): string {
  return `${prefix}${call.sequence.toString(16).padStart(32, "0")}`;
}

/** One page of a list, in Twilio's frame. `PageSize` is 50 unless asked otherwise, at most 1000; pages count from 0. */
export function pageOf(call: Call, name: string, items: readonly unknown[]): PlainAnswer {
  const pageSize = Math.max(1, Math.min(1000, Number(call.query.get("PageSize") ?? 50) || 50));
  const page = Math.max(0, Math.floor(Number(call.query.get("Page") ?? 0) || 0));
  const start = page * pageSize;
  const shown = items.slice(start, start + pageSize);
  const uriOf = (at: number): string => {
    const query = new URLSearchParams(call.query);
    query.set("PageSize", String(pageSize));
    query.set("Page", String(at));
    return `${call.path}?${query.toString()}`;
  };
  return told(call, 200, {
    end: Math.max(start + shown.length - 1, 0),
    first_page_uri: uriOf(0),
    next_page_uri: start + pageSize < items.length ? uriOf(page + 1) : null,
    page,
    page_size: pageSize,
    previous_page_uri: page > 0 ? uriOf(page - 1) : null,
    start,
    uri: uriOf(page),
    [name]: shown,
  });
}
