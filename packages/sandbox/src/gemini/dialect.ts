// The Gemini API as the sandbox speaks it: `generativelanguage.googleapis.com`.
import { accountOf } from "../account.ts";
import { type Answer, type Arrival, type Call, type Credential, type Dialect, type Refusals, type Route } from "../dialect.ts";
import {
  errorInfo,
  type GoogleError,
  googleRefusals,
  type GoogleService,
  help,
  notFound,
  permissionDenied,
  refusal,
  retryInfo,
  tooLarge,
  unregisteredCaller,
} from "../google/answers.ts";
import { keyOrToken } from "../google/credential.ts";
import { countTokens, generateContent, streamGenerateContent, type Surface } from "../google/generate.ts";
import { batchEmbedContents, embedContent } from "./embeddings.ts";
import { createInteraction, deleteInteraction, readInteraction, refusal as interactionRefusal } from "./interactions.ts";
import { createAuthToken, openLive, refuseInside } from "./live.ts";
import { getModel, listModels, unknownModel } from "./models.ts";
import {
  cachedTokens,
  createCachedContent,
  deleteCachedContent,
  deleteFile,
  listCachedContents,
  listFiles,
  readCachedContent,
  readFile,
  startUpload,
} from "./stored.ts";

const service: GoogleService = {
  host: "generativelanguage.googleapis.com",
  title: "Generative Language API",
  internal:
    "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
};
const overloaded: GoogleError = { code: 503, message: "The model is overloaded. Please try again later.", status: "UNAVAILABLE" };

const surface: Surface = {
  model: (call) => call.params[1] ?? "",
  unknownModel,
  answerFields: () => ({}),
  candidateFields: { index: 0 },
  usageFields: {},
  cachedTokens,
  overloaded,
  countFields: () => ({}),
};

const versions = "(v1|v1beta|v1alpha)";

export const gemini: Dialect = {
  credential,
  requestId: (sequence) => `sandbox${String(sequence).padStart(6, "0")}`,
  account: (who) => accountOf(who.key),
  refusals: inEitherShape(
    googleRefusals({
      service: () => service,
      overloaded,
      noQuota: (call) => (call.paid ? refusal(call, prepayDepleted) : null),
      rateLimited: perMinute,
      scoped: (call) => (/^\/v1[a-z]*\/models(\/[^:]*)?$/.test(call.path) ? mayNotList(call) : null),
    }),
  ),
  missingKey: unregisteredCaller,
  notFound,
  methodNotAllowed: notFound,
  tooLarge,
  modelIn: (path) => /\/models\/([^/:]+)(:|$)/.exec(path)?.[1] ?? null,
  refuseInside,
  routes: [
    route("GET", "/models", false, listModels),
    route("GET", "/models/([^/:]+)", false, getModel),
    route("POST", "/models/([^/:]+):(generateContent)", true, (call) => generateContent(surface, call)),
    route("POST", "/models/([^/:]+):(streamGenerateContent)", true, (call) => streamGenerateContent(surface, call)),
    route("POST", "/models/([^/:]+):(countTokens)", false, (call) => countTokens(surface, call)),
    route("POST", "/models/([^/:]+):(embedContent)", true, embedContent),
    route("POST", "/models/([^/:]+):(batchEmbedContents)", true, batchEmbedContents),
    plainRoute("POST", "/interactions", true, createInteraction),
    plainRoute("GET", "/interactions/([^/]+)", false, readInteraction),
    plainRoute("DELETE", "/interactions/([^/]+)", false, deleteInteraction),
    plainRoute("POST", "/cachedContents", true, createCachedContent),
    plainRoute("GET", "/cachedContents", false, listCachedContents),
    plainRoute("GET", "/cachedContents/([^/]+)", false, readCachedContent),
    plainRoute("DELETE", "/cachedContents/([^/]+)", false, deleteCachedContent),
    plainRoute("GET", "/files", false, listFiles),
    plainRoute("GET", "/files/([^/]+)", false, readFile),
    plainRoute("DELETE", "/files/([^/]+)", false, deleteFile),
    { method: "POST", path: /^\/upload\/v1[a-z]*\/files$/, paid: false, answer: startUpload },
    { method: "POST", path: /^\/v1alpha\/auth_tokens$/, paid: false, answer: oneCredential(createAuthToken) },
  ],
  sockets: [
    {
      path: /^\/+ws\/google\.ai\.generativelanguage\.v1[a-z]*\.GenerativeService\.BidiGenerateContent(Constrained)?$/,
      open: openLive,
    },
  ],
};

/** Beside keys there are tokens for browsers, which open the Live API only. */
function credential(arrival: Arrival): Credential | null {
  const named =
    arrival.query.get("access_token") ?? /^token\s+(auth_tokens\/\S+)$/i.exec(arrival.headers["authorization"] ?? "")?.[1];
  if (named === undefined) return keyOrToken(arrival);
  const token = arrival.vault.token(named);
  const common = { username: "", header: "query", presented: named };
  if (token === undefined || token.purpose !== "live") return { ...common, key: named, aliases: [], wellFormed: false };
  const opens = arrival.path.endsWith("Constrained") && token.uses > 0 && token.expiresAt > arrival.at;
  return { ...common, key: token.key, aliases: token.aliases, wellFormed: opens };
}

function route(method: Route["method"], below: string, paid: boolean, answer: Route["answer"]): Route {
  return { method, path: new RegExp(`^/${versions}${below}$`), paid, answer: oneCredential(answer) };
}

/** Its parameters do not begin with the version. */
function plainRoute(method: Route["method"], below: string, paid: boolean, answer: Route["answer"]): Route {
  return { method, path: new RegExp(`^/v1[a-z]*${below}$`), paid, answer: oneCredential(answer) };
}

/** A newer key (`AQ.…`) that comes twice is refused. */
function oneCredential(answer: Route["answer"]): Route["answer"] {
  return (call) => {
    const inHeader = call.headers["x-goog-api-key"] ?? "";
    const again = call.query.has("key") || call.headers["authorization"] !== undefined;
    if (!inHeader.startsWith("AQ.") || !again) return answer(call);
    return refusal(call, {
      code: 400,
      message: "Multiple authentication credentials received. Please pass only one.",
      status: "INVALID_ARGUMENT",
    });
  };
}

const prepayDepleted: GoogleError = {
  code: 402,
  message: "Your prepay credits are depleted. Please add credits to your billing account.",
  status: "RESOURCE_EXHAUSTED",
};

function perMinute(call: Call, retryAfterS: number): Answer {
  const model = /\/models\/([^/:]+)/.exec(call.path)?.[1] ?? "gemini-3.6-flash";
  const metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests";
  const message = `You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. To monitor your current usage, head to: https://ai.dev/rate-limit. \n* Quota exceeded for metric: ${metric}, limit: 5, model: ${model}\nPlease retry in ${retryAfterS}s.`;
  const violation = {
    quotaMetric: metric,
    quotaId: "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    quotaDimensions: { location: "global", model },
    quotaValue: "5",
  };
  return refusal(call, {
    code: 429,
    message,
    status: "RESOURCE_EXHAUSTED",
    details: [
      help("Learn more about Gemini API quotas", "https://ai.google.dev/gemini-api/docs/rate-limits"),
      { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [violation] },
      retryInfo(retryAfterS),
    ],
  });
}

function mayNotList(call: Call): Answer {
  const metadata = { permission: "generativelanguage.models.list", resource: "projects/000000000000" };
  return permissionDenied(call, "Permission 'generativelanguage.models.list' denied on resource (or it may not exist).", [
    errorInfo("IAM_PERMISSION_DENIED", metadata, service.host),
  ]);
}

/** Interactions have an error shape of their own; what concerns the key is told in the common one. */
function inEitherShape(refusals: Refusals): Refusals {
  return {
    ...refusals,
    rateLimited: (call, retryAfterS) =>
      isInteraction(call)
        ? interactionRefusal(429, "rate_limit_exceeded", `You have exceeded your quota. Please retry in ${retryAfterS}s.`)
        : refusals.rateLimited(call, retryAfterS),
    noQuota: (call) =>
      isInteraction(call) && call.paid
        ? interactionRefusal(429, "quota_exceeded", "You have exceeded your daily quota.")
        : refusals.noQuota(call),
  };
}

function isInteraction({ path }: Call): boolean {
  return /^\/v1[a-z]*\/interactions(\/|$)/.test(path);
}
