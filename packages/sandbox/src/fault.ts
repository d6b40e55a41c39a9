// What can go wrong between a customer and a vendor, as data: a test asks for it, and a dialect or the wire makes it happen.
// A fault says nothing of the vendor's words for it; those are in the dialects' folders.

/**
 * What a key meets on one call.
 *
 * - `ok`: nothing.
 * - `invalid`, `revoked`: the vendor's refusal of a key that it does not know, or no longer (vendors use the same words). With
 *   `afterHandshake` a WebSocket opens first and is told there, as OpenAI and Google do at times.
 * - `no_quota`: the account is out of money. Calls that cost nothing still work, as at the vendors, and do not use this step up.
 * - `rate_limited`: too many requests; come back in `retryAfterS` seconds (default 1; Twilio names no time).
 * - `server_error`: any `status` from 500 (the default) to 599 in the vendor's shape for it; 502 is a CDN's HTML page.
 * - `slow`: waits before the headers and before every event after the first, in milliseconds (defaults 0).
 * - `cut_stream`: the connection drops after so many events; an answer that is no stream stops half way.
 * - `stream_error`: after so many events the vendor's error event comes inside the 200, and the stream ends. OpenRouter's
 *   answers that are no streams carry their error inside the 200, too.
 * - `hang`: the request is read and never answered.
 * - `reset`: the request is read and the connection is reset (RST).
 * - `echo_key`: a refusal that repeats the whole key, in a header and in the body, where two writes split it.
 * - `scoped`: a live key with few rights: it may not list models (Twilio: may read nothing; the README has the others).
 * - `test_credentials`: Twilio's: the pair is live, for tests only. No other vendor has it.
 * - `redirect`: a 307 to `location`.
 * - `answer`: these very bytes, whatever was asked: a recorded answer, or one that the vendor gives too seldom to have a name here.
 */
export type Fault =
  | { kind: "ok" }
  | { kind: "invalid"; afterHandshake?: boolean }
  | { kind: "revoked"; afterHandshake?: boolean }
  | { kind: "no_quota" }
  | { kind: "rate_limited"; retryAfterS?: number }
  | { kind: "server_error"; status?: number }
  | { kind: "slow"; beforeHeadersMs?: number; betweenChunksMs?: number }
  | { kind: "cut_stream"; afterEvents: number }
  | { kind: "stream_error"; afterEvents: number }
  | { kind: "hang" }
  | { kind: "reset" }
  | { kind: "echo_key" }
  | { kind: "scoped" }
  | { kind: "test_credentials" }
  | { kind: "redirect"; location: string }
  | { kind: "answer"; status: number; headers?: Readonly<Record<string, string>>; body?: string };

export type FaultKind = Fault["kind"];

interface Field {
  readonly required: boolean;
  readonly fits: (value: unknown) => boolean;
  readonly wanted: string;
}

const milliseconds: Field = { required: false, fits: numberFrom(0, 600_000), wanted: "milliseconds from 0 to 600000" };
const events: Field = { required: true, fits: wholeNumberFrom(0, Number.MAX_SAFE_INTEGER), wanted: "a whole number from 0" };
const seconds: Field = { required: false, fits: numberFrom(0, 86_400), wanted: "seconds from 0 to 86400" };
const status: Field = { required: false, fits: wholeNumberFrom(500, 599), wanted: "a status from 500 to 599" };
const location: Field = {
  required: true, fits: (value) => typeof value === "string" && URL.canParse(value), wanted: "an absolute URL",
};
const anyStatus: Field = { required: true, fits: wholeNumberFrom(200, 599), wanted: "a status from 200 to 599" };
const text: Field = { required: false, fits: (value) => typeof value === "string", wanted: "a text" };
const headers: Field = { required: false, fits: isTexts, wanted: 'an object of texts, such as { "retry-after": "3" }' };
const flag: Field = { required: false, fits: (value) => typeof value === "boolean", wanted: "true or false" };

const fieldsOf: { readonly [Kind in FaultKind]: Readonly<Record<string, Field>> } = {
  ok: {},
  invalid: { afterHandshake: flag },
  revoked: { afterHandshake: flag },
  no_quota: {},
  rate_limited: { retryAfterS: seconds },
  server_error: { status },
  slow: { beforeHeadersMs: milliseconds, betweenChunksMs: milliseconds },
  cut_stream: { afterEvents: events },
  stream_error: { afterEvents: events },
  hang: {},
  reset: {},
  echo_key: {},
  scoped: {},
  test_credentials: {},
  redirect: { location },
  answer: { status: anyStatus, headers, body: text },
};

/**
 * Reads faults that came from outside the type checker: another process, or plain JavaScript.
 *
 * @throws TypeError naming the fault by its place, the field, and what was wanted
 */
export function parseFaults(value: unknown): Fault[] {
  if (!Array.isArray(value)) throw new TypeError('faults must be a list of faults, such as [{ "kind": "invalid" }].');
  return value.map((fault: unknown, at) => {
    if (isFault(fault)) return { ...fault };
    throw new TypeError(`faults[${at}]${problemOf(fault) ?? ""}`);
  });
}

function isFault(value: unknown): value is Fault {
  return problemOf(value) === null;
}

/** What is wrong, to be read after the fault's place. */
function problemOf(value: unknown): string | null {
  if (typeof value !== "object" || value === null) return " must be an object with a kind.";
  const given = new Map<string, unknown>(Object.entries(value));
  const fields = new Map(Object.entries(fieldsOf)).get(String(given.get("kind")));
  if (fields === undefined) return `.kind must be one of ${Object.keys(fieldsOf).join(", ")}.`;
  const unknown = [...given.keys()].find((name) => name !== "kind" && !Object.hasOwn(fields, name));
  if (unknown !== undefined) return `.${unknown} is no field of this kind of fault; it has ${Object.keys(fields).join(", ") || "none"}.`;
  for (const [name, field] of Object.entries(fields)) {
    const missing = given.get(name) === undefined;
    if (missing ? field.required : !field.fits(given.get(name))) return `.${name} must be ${field.wanted}.`;
  }
  return null;
}

function numberFrom(least: number, most: number): (value: unknown) => boolean {
  return (value) => typeof value === "number" && value >= least && value <= most;
}

function wholeNumberFrom(least: number, most: number): (value: unknown) => boolean {
  return (value) => Number.isSafeInteger(value) && numberFrom(least, most)(value);
}

function isTexts(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every((each) => typeof each === "string");
}
