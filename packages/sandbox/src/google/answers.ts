// The errors that Google's APIs share, in the shape of google.rpc.Status. Reasons: Google's ErrorReason enum, read 2026-11-24.
import type { Call, PlainAnswer, Refusals } from "../dialect.ts";
import { echoing, json } from "../dialect.ts";

/** Which of Google's APIs speaks. */
export interface GoogleService {
  /** `aiplatform.googleapis.com` */
  readonly host: string;
  /** As its errors name it: `Vertex AI API`. */
  readonly title: string;
  /** The method that a path stands for, where its refusals name it. */
  readonly method?: string;
  /** Its words for a failure of its own. */
  readonly internal?: string;
}

/** On every answer. */
export const vendorHeaders: Readonly<Record<string, string>> = {
  "content-type": "application/json; charset=UTF-8",
  vary: "Origin",
  server: "scaffolding on HTTPServer2",
  "server-timing": "gfet4t7; dur=41",
};

export function told(body: unknown, status = 200): PlainAnswer {
  return json(status, vendorHeaders, body);
}

/** What one error says of itself beside its text. */
export type ErrorDetail = Readonly<Record<string, unknown>>;

export interface GoogleError {
  readonly code: number;
  readonly message: string;
  readonly status: string;
  readonly details?: readonly ErrorDetail[];
}

export function errorInfo(reason: string, metadata: Readonly<Record<string, string>>, domain = "googleapis.com"): ErrorDetail {
  return { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain, metadata };
}

export function retryInfo(retryAfterS: number): ErrorDetail {
  return { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${Math.ceil(retryAfterS)}s` };
}

export function help(description: string, url: string): ErrorDetail {
  return { "@type": "type.googleapis.com/google.rpc.Help", links: [{ description, url }] };
}

/** A stream that is no event stream is a JSON array, and so is its error. */
export function refusal(call: Pick<Call, "path" | "query">, error: GoogleError): PlainAnswer {
  const body = { error };
  return told(isArrayStream(call) ? [body] : body, error.code);
}

export function isArrayStream(call: Pick<Call, "path" | "query">): boolean {
  return call.path.endsWith(":streamGenerateContent") && call.query.get("alt") !== "sse";
}

export function badRequest(call: Call, message: string): PlainAnswer {
  const details = [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ description: message }] }];
  return refusal(call, { code: 400, message, status: "INVALID_ARGUMENT", details });
}

export function badJson(call: Call): PlainAnswer {
  return badRequest(call, "Invalid JSON payload received. Unexpected end of string. Expected a value.");
}

export function permissionDenied(call: Call, message: string, details?: readonly ErrorDetail[]): PlainAnswer {
  return refusal(call, { code: 403, message, status: "PERMISSION_DENIED", ...(details !== undefined && { details }) });
}

export function missing(call: Call, message: string): PlainAnswer {
  return refusal(call, { code: 404, message, status: "NOT_FOUND" });
}

/** Google's web servers have their own page for what no API has. */
export function notFound(call: Call): PlainAnswer {
  return page(
    404,
    "Not Found",
    `The requested URL <code>${call.path.replaceAll("<", "&lt;")}</code> was not found on this server.`,
  );
}

export function tooLarge(call: Call): PlainAnswer {
  return refusal(call, {
    code: 400,
    message: "Request payload size exceeds the limit: 20971520 bytes.",
    status: "INVALID_ARGUMENT",
  });
}

export const unavailable: GoogleError = { code: 503, message: "The service is currently unavailable.", status: "UNAVAILABLE" };

/** What the APIs word differently. */
export interface Wording extends Pick<Refusals, "noQuota" | "rateLimited" | "scoped"> {
  service(path: string): GoogleService;
  readonly overloaded?: GoogleError;
}

export function googleRefusals(wording: Wording): Refusals {
  return {
    badKey: (call) =>
      call.credential.header === "authorization"
        ? invalidToken(call, wording.service(call.path))
        : invalidKey(call, wording.service(call.path)),
    noQuota: wording.noQuota,
    rateLimited: wording.rateLimited,
    serverError: (call, status) =>
      serverError(
        call,
        status,
        wording.overloaded ?? unavailable,
        wording.service(call.path).internal ?? "Internal error encountered.",
      ),
    scoped: wording.scoped,
    echoKey: (call) => suspended(call, wording.service(call.path)),
  };
}

export function invalidKey(call: Call, service: GoogleService): PlainAnswer {
  const message = "API key not valid. Please pass a valid API key.";
  const details = [
    errorInfo("API_KEY_INVALID", { service: service.host }),
    { "@type": "type.googleapis.com/google.rpc.LocalizedMessage", locale: "en-US", message },
  ];
  return refusal(call, { code: 400, message, status: "INVALID_ARGUMENT", details });
}

function invalidToken(call: Call, service: GoogleService): PlainAnswer {
  const message =
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
  const answer = refusal(call, {
    code: 401,
    message,
    status: "UNAUTHENTICATED",
    details: [errorInfo("ACCESS_TOKEN_EXPIRED", asked(service))],
  });
  return {
    ...answer,
    headers: { ...answer.headers, "www-authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"' },
  };
}

/** To an API key where only an account may come, and to nobody at all. */
export function keysNotSupported(call: Call, service: GoogleService): PlainAnswer {
  const message =
    "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials that assert a principal. See https://cloud.google.com/docs/authentication";
  return refusal(call, {
    code: 401,
    message,
    status: "UNAUTHENTICATED",
    details: [errorInfo("CREDENTIALS_MISSING", asked(service))],
  });
}

function asked({ host, method }: GoogleService): Record<string, string> {
  return { service: host, ...(method !== undefined && { method }) };
}

export function unregisteredCaller(call: Call): PlainAnswer {
  const message =
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.";
  return permissionDenied(call, message);
}

export function billingDisabled(call: Call, service: GoogleService, project: string): PlainAnswer {
  const message = `This API method requires billing to be enabled. Please enable billing on project #${project}, then retry.`;
  return permissionDenied(call, message, [
    errorInfo("BILLING_DISABLED", { service: service.host, consumer: `projects/${project}`, containerInfo: project }),
  ]);
}

export function serviceDisabled(call: Call, service: GoogleService, project: string): PlainAnswer {
  const message = `${service.title} has not been used in project ${project} before or it is disabled. Enable it by visiting the console, then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.`;
  return permissionDenied(call, message, [
    errorInfo("SERVICE_DISABLED", { service: service.host, consumer: `projects/${project}`, containerInfo: project }),
  ]);
}

/** Google itself repeats the key in this refusal, twice. */
function suspended(call: Call, service: GoogleService): PlainAnswer {
  const key = call.credential.presented ?? call.credential.key;
  const message = `Permission denied: Consumer 'api_key:${key}' has been suspended.`;
  const metadata = { consumer: "projects/000000000000", service: service.host, containerInfo: `api_key:${key}` };
  return echoing(permissionDenied(call, message, [errorInfo("CONSUMER_SUSPENDED", metadata)]), key);
}

function serverError(call: Call, status: number, overloaded: GoogleError, internal: string): PlainAnswer {
  if (status === 502)
    return page(502, "Server Error", "The server encountered a temporary error and could not complete your request.");
  if (status === 503) return refusal(call, overloaded);
  if (status === 504)
    return refusal(call, {
      code: 504,
      message: "Deadline expired before operation could complete.",
      status: "DEADLINE_EXCEEDED",
    });
  return refusal(call, { code: status, message: internal, status: "INTERNAL" });
}

function page(status: number, title: string, text: string): PlainAnswer {
  return {
    status,
    headers: { "content-type": "text/html; charset=UTF-8", "referrer-policy": "no-referrer" },
    body: `<!DOCTYPE html>\n<html lang=en>\n  <title>Error ${status} (${title})!!1</title>\n  <p><b>${status}.</b> <ins>That’s an error.</ins>\n  <p>${text}\n`,
  };
}
