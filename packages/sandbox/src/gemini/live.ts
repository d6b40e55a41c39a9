// Where Gemini's Live API is opened, with a key or with a token for a browser, and where such a token is made.
import { type Answer, type Call, isObject, jsonBody, type PlainAnswer, type Session, type SocketEvent } from "../dialect.ts";
import { badRequest, told } from "../google/answers.ts";
import { field } from "../google/contents.ts";
import { LiveSession, refused } from "../google/live.ts";

const minuteMs = 60_000;
const longestMs = 20 * 60 * minuteMs;

export function openLive(call: Call): Session | PlainAnswer {
  const presented = call.credential.presented;
  if (presented === undefined) return new LiveSession("response");
  const token = call.vault.token(presented);
  if (token !== undefined) token.uses -= 1;
  return new LiveSession("response", token?.constraint ?? null);
}

/** Told inside: an open connection that is closed at once. */
export function refuseInside(): SocketEvent[] {
  return [refused("API key not valid. Please pass a valid API key.")];
}

/** By default a token opens one session, within a minute, for half an hour. */
export function createAuthToken(call: Call): Answer {
  const body = jsonBody(call) ?? {};
  const uses = typeof body["uses"] === "number" ? body["uses"] : 1;
  const expireTime = timeIn(field(body, "expireTime"), call, 30 * minuteMs);
  const newSessionExpireTime = timeIn(field(body, "newSessionExpireTime"), call, minuteMs);
  if (expireTime.getTime() - call.at.getTime() > longestMs)
    return badRequest(call, "expire_time must be at most 20 hours in the future.");
  const setup = field(body, "bidiGenerateContentSetup");
  const model = isObject(setup) && typeof setup["model"] === "string" ? setup["model"].replace(/^.*models\//, "") : null;
  const { key, aliases } = call.credential;
  const name = call.vault.issue("auth_tokens/", {
    purpose: "live",
    key,
    aliases,
    expiresAt: newSessionExpireTime,
    ...(uses > 0 && { uses }),
    ...(model !== null && { constraint: model }),
  });
  return told({ name, expireTime: expireTime.toISOString(), newSessionExpireTime: newSessionExpireTime.toISOString(), uses });
}

function timeIn(given: unknown, call: Call, otherwiseMs: number): Date {
  const time = typeof given === "string" ? Date.parse(given) : Number.NaN;
  return new Date(Number.isNaN(time) ? call.at.getTime() + otherwiseMs : time);
}
