// Vertex AI as the sandbox speaks it: every regional host of `aiplatform.googleapis.com`, and the token endpoint of
// `oauth2.googleapis.com`, behind one address. Accounts come with an access token; API keys (express mode) reach the models only.
import { accountOf } from "../account.ts";
import {
  type Answer,
  type Arrival,
  type Call,
  type Credential,
  type Dialect,
  isObject,
  jsonBody,
  type PlainAnswer,
  type Route,
  type Session,
  textIn,
} from "../dialect.ts";
import {
  billingDisabled,
  errorInfo,
  googleRefusals,
  type GoogleService,
  keysNotSupported,
  missing,
  notFound,
  permissionDenied,
  refusal,
  told,
  tooLarge,
  unavailable,
} from "../google/answers.ts";
import { accountThatCalls, keyOrToken } from "../google/credential.ts";
import { countTokens, generateContent, streamGenerateContent, type Surface } from "../google/generate.ts";
import { LiveSession, refused } from "../google/live.ts";
import { isExchange, signerOf, tokenRoute, withExchange } from "../google/token.ts";
import { countCharacters, countTokens as tokensOf } from "../speech.ts";

const service: GoogleService = { host: "aiplatform.googleapis.com", title: "Vertex AI API" };

const surface: Surface = {
  model: (call) => call.params[0] ?? "",
  unknownModel,
  answerFields: (call) => ({ createTime: call.at.toISOString().replace("Z", "000Z") }),
  candidateFields: { avgLogprobs: -0.01 },
  usageFields: { trafficType: "ON_DEMAND" },
  cachedTokens: () => null,
  overloaded: unavailable,
  countFields: (prompt) => ({
    totalBillableCharacters: [...prompt.system, ...prompt.turns].reduce(
      (total, text) => total + countCharacters(text.replaceAll(/\s/gu, "")),
      0,
    ),
  }),
};

export const vertex: Dialect = {
  credential: (arrival: Arrival): Credential | null => (isExchange(arrival) ? signerOf(arrival) : keyOrToken(arrival)),
  requestId: (sequence) => `sandbox${String(sequence).padStart(6, "0")}`,
  account: (credential) => accountOf(credential.key),
  refusals: withExchange(
    googleRefusals({
      service: serviceAt,
      noQuota: (call) => (call.paid ? billingDisabled(call, service, projectOf(call)) : null),
      rateLimited: perMinute,
      scoped: predictDenied,
    }),
  ),
  // An exchange without an assertion is answered by its route.
  missingKey: (call) => keysNotSupported(call, serviceAt(call.path)),
  notFound,
  methodNotAllowed: notFound,
  tooLarge,
  modelIn: (path) => /\/models\/([^/:]+)(:|$)/.exec(path)?.[1] ?? null,
  refuseInside: () => [refused("Request had invalid authentication credentials.", 1008)],
  routes: [
    { ...tokenRoute, open: true },
    modelRoute("generateContent", true, (call) => generateContent(surface, call)),
    modelRoute("streamGenerateContent", true, (call) => streamGenerateContent(surface, call)),
    modelRoute("countTokens", false, (call) => countTokens(surface, call)),
    modelRoute("predict", true, embed),
    { method: "GET", path: /^\/v1[a-z0-9]*\/publishers\/google\/models$/, paid: false, answer: accountsOnly(listModels) },
  ],
  sockets: [{ path: /^\/+ws\/google\.cloud\.aiplatform\.v1[a-z0-9]*\.LlmBidiService\/BidiGenerateContent$/, open: openLive }],
};

/** The service, with the method that a path stands for. */
function serviceAt(path: string): GoogleService {
  const version = /^\/(v1[a-z0-9]*)\//.exec(path)?.[1] ?? "v1";
  const verb = /:([a-z])([A-Za-z]+)$/.exec(path);
  const method =
    verb === null
      ? "ModelGardenService.ListPublisherModels"
      : `PredictionService.${verb[1]?.toUpperCase() ?? ""}${verb[2] ?? ""}`;
  return { ...service, method: `google.cloud.aiplatform.${version}.${method}` };
}

/** Below a project and a location, or in express mode below neither. */
function modelRoute(method: string, paid: boolean, answer: Route["answer"]): Route {
  const path = new RegExp(`^/v1[a-z0-9]*(?:/projects/[^/]+/locations/[^/]+)?/publishers/google/models/([^/:]+):${method}$`);
  return { method: "POST", path, paid, answer: (call) => deniedProject(call) ?? answer(call) };
}

/** Keys open no project's own paths, and a project whose name holds `does-not-exist` is the only one that is not there. */
function deniedProject(call: Call): PlainAnswer | null {
  const project = /\/projects\/([^/]+)\//.exec(call.path)?.[1];
  if (project === undefined) return null;
  if (call.credential.header !== "authorization") return keysNotSupported(call, serviceAt(call.path));
  if (!project.includes("does-not-exist")) return null;
  const metadata = { service: service.host, consumer: `projects/${project}`, containerInfo: project };
  return permissionDenied(call, `Permission denied on resource project ${project}.`, [errorInfo("CONSUMER_INVALID", metadata)]);
}

function accountsOnly(answer: Route["answer"]): Route["answer"] {
  return (call) => (call.credential.header === "authorization" ? answer(call) : keysNotSupported(call, serviceAt(call.path)));
}

function openLive(call: Call): Session | PlainAnswer {
  return call.credential.header === "authorization"
    ? new LiveSession("candidates")
    : keysNotSupported(call, serviceAt(call.path));
}

function listModels(): Answer {
  const ids = ["gemini-3.6-flash", "gemini-3.6-flash-lite", "gemini-embedding-2"];
  return told({
    publisherModels: ids.map((id) => ({ name: `publishers/google/models/${id}`, versionId: "default", launchStage: "GA" })),
  });
}

/** What Vertex has in place of embedContent; the tokens stand beside each vector. */
function embed(call: Call): Answer {
  const instances = jsonBody(call)?.["instances"];
  const texts = (Array.isArray(instances) ? instances : []).map((instance: unknown) =>
    isObject(instance) ? textIn(instance, "content") : "",
  );
  const predictions = texts.map((text) => ({
    embeddings: {
      statistics: { truncated: false, token_count: tokensOf(text) },
      values: Array.from({ length: 8 }, (_, at) => (text.length % (at + 2)) / 10),
    },
  }));
  const inputTokens = texts.reduce((total, text) => total + tokensOf(text), 0);
  return {
    ...told({ predictions }),
    usage: { inputTokens, outputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
  };
}

function unknownModel(call: Call, model: string): PlainAnswer | null {
  if (!model.includes("does-not-exist")) return null;
  const name = /\/v1[a-z0-9]*\/(.*):/.exec(call.path)?.[1] ?? `publishers/google/models/${model}`;
  return missing(
    call,
    `Publisher Model \`${name}\` was not found or your project does not have access to it. Please ensure you are using a valid model version.`,
  );
}

function projectOf(call: Call): string {
  return /\/projects\/([^/]+)\//.exec(call.path)?.[1] ?? accountThatCalls(call)?.projectId ?? "test-project";
}

function perMinute(call: Call): PlainAnswer {
  const model = /\/models\/([^/:]+)/.exec(call.path)?.[1] ?? "gemini-3.6-flash";
  const message = `Quota exceeded for aiplatform.googleapis.com/generate_content_requests_per_minute_per_project_per_base_model with base model: ${model}. Please submit a quota increase request. https://cloud.google.com/vertex-ai/docs/generative-ai/quotas-genai.`;
  return refusal(call, { code: 429, message, status: "RESOURCE_EXHAUSTED" });
}

/** An account without the role for models: its token is made, and opens none. */
function predictDenied(call: Call): PlainAnswer {
  const resource = /\/v1[a-z0-9]*\/(.*?)(:[^:/]*)?$/.exec(call.path)?.[1] ?? "";
  const message = `Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/${resource}' (or it may not exist).`;
  return permissionDenied(call, message, [
    errorInfo("IAM_PERMISSION_DENIED", { resource, permission: "aiplatform.endpoints.predict" }, service.host),
  ]);
}
