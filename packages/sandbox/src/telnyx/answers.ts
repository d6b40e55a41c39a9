// The headers and refusals that Telnyx's routes share: always a list of errors, with codes that are texts. Codes: Telnyx's catalogue of
// API errors, read 2026-11-24.
import { createHash } from "node:crypto";
import type { Call, PlainAnswer, Refusals } from "../dialect.ts";
import { badGatewayPage, echoing, json } from "../dialect.ts";

/** On every answer. */
export function vendorHeaders(call: Call): Record<string, string> {
  return { "x-request-id": call.requestId };
}

/** What goes well is in `data`. */
export function told(call: Call, data: unknown, status = 200): PlainAnswer {
  return json(status, vendorHeaders(call), { data });
}

/** One page of a list. `page[size]` is 20 unless asked otherwise, at most 250; pages count from 1. */
export function pageOf(call: Call, items: readonly unknown[]): PlainAnswer {
  const size = Math.max(1, Math.min(250, Number(call.query.get("page[size]") ?? 20) || 20));
  const page = Math.max(1, Math.floor(Number(call.query.get("page[number]") ?? 1) || 1));
  const meta = {
    total_pages: Math.max(1, Math.ceil(items.length / size)),
    total_results: items.length,
    page_number: page,
    page_size: size,
  };
  return json(200, vendorHeaders(call), { data: items.slice((page - 1) * size, page * size), meta });
}

export interface Mistake {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly source?: { readonly pointer: string } | { readonly parameter: string };
}

export function refusal(
  call: Call,
  status: number,
  { source, ...mistake }: Mistake,
  headers: Record<string, string> = {},
): PlainAnswer {
  const meta = { url: `https://developers.telnyx.com/docs/overview/errors/${mistake.code}` };
  return json(
    status,
    { ...vendorHeaders(call), ...headers },
    { errors: [{ ...mistake, meta, ...(source !== undefined && { source }) }] },
  );
}

export function missing(call: Call, name: string): PlainAnswer {
  return refusal(call, 422, {
    code: "10004",
    title: "Missing required parameter",
    detail: "A required parameter was missing.",
    source: { pointer: `/${name}` },
  });
}

export function notFound(call: Call): PlainAnswer {
  return refusal(call, 404, {
    code: "10005",
    title: "Resource not found",
    detail: "The requested resource or URL could not be found.",
  });
}

export function methodNotAllowed(call: Call): PlainAnswer {
  return refusal(call, 405, {
    code: "10018",
    title: "Method not allowed",
    detail: "The requested method is not allowed on this resource.",
  });
}

export function tooLarge(call: Call): PlainAnswer {
  return refusal(call, 413, { code: "10015", title: "Bad Request", detail: "The request body is too large." });
}

const unauthenticated = { code: "10009", title: "Authentication failed" };

export function missingKey(call: Call): PlainAnswer {
  return refusal(call, 401, {
    ...unauthenticated,
    detail: "The required authentication headers were either invalid or not included in the request.",
  });
}

const noFunds: Mistake = {
  code: "20100",
  title: "Insufficient Funds",
  detail: "You have insufficient funds to perform this action.",
};
const forbidden: Mistake = {
  code: "10010",
  title: "Authorization failed",
  detail: "You do not have permission to perform the requested action on the specified resource or resources.",
};

export const refusals: Refusals = {
  // The vendor repeats the part of a key before its secret.
  badKey: (call) => unknownKey(call, idOf(call.credential.key)),
  noQuota: (call) => (call.paid ? refusal(call, 403, noFunds) : null),
  rateLimited: (call, retryAfterS) =>
    json(
      429,
      {
        ...vendorHeaders(call),
        "x-ratelimit-limit": "200",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": String(Math.ceil(retryAfterS)),
      },
      {
        errors: [
          { code: "10011", title: "Too many requests", detail: "You have exceeded the maximum number of allowed requests." },
        ],
      },
    ),
  serverError: (call, status) =>
    status === 502
      ? badGatewayPage()
      : refusal(call, status, { code: "10007", title: "Unexpected error", detail: "An unexpected error occured." }),
  scoped: (call) => (call.method === "GET" ? refusal(call, 403, forbidden) : null),
  echoKey: (call) => echoing(unknownKey(call, call.credential.key), call.credential.key),
};

/** `KEY` and what follows, up to the underscore behind which the secret begins. */
function idOf(key: string): string {
  return key.includes("_") ? (key.split("_")[0] ?? "") : key.slice(0, 19);
}

function unknownKey(call: Call, shown: string): PlainAnswer {
  return refusal(call, 401, { ...unauthenticated, detail: `No key found matching the ID '${shown}' with the provided secret.` });
}

/** The same for the same text. */
export function uuidOf(text: string): string {
  const digest = createHash("sha256").update(text).digest("hex");
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-4${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}
