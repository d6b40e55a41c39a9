// Google's speech products as the sandbox speaks them: `speech.googleapis.com` with its regional hosts, `texttospeech.googleapis.com`
// and the token endpoint, behind one address. Their paths tell them apart.
import { accountOf } from "../account.ts";
import type { Arrival, Call, Credential, Dialect, PlainAnswer, Route } from "../dialect.ts";
import {
  billingDisabled,
  errorInfo,
  googleRefusals,
  type GoogleService,
  help,
  keysNotSupported,
  notFound,
  refusal,
  retryInfo,
  serviceDisabled,
  told,
  tooLarge,
  unregisteredCaller,
} from "../google/answers.ts";
import { accountThatCalls, keyOrToken } from "../google/credential.ts";
import { isExchange, signerOf, tokenRoute, withExchange } from "../google/token.ts";
import { listOperations, readOperation, recognizeLongV1, recognizeV1, recognizeV2 } from "./recognize.ts";
import { listVoices, synthesize } from "./synthesize.ts";

const toText: GoogleService = { host: "speech.googleapis.com", title: "Cloud Speech-to-Text API" };
const toSpeech: GoogleService = { host: "texttospeech.googleapis.com", title: "Cloud Text-to-Speech API" };
const projectNumber = "123456789012";

export const googleSpeech: Dialect = {
  credential: (arrival: Arrival): Credential | null => (isExchange(arrival) ? signerOf(arrival) : keyOrToken(arrival)),
  requestId: (sequence) => `sandbox${String(sequence).padStart(6, "0")}`,
  account: (credential) => accountOf(credential.key),
  refusals: withExchange(
    googleRefusals({
      service: serviceOf,
      noQuota: (call) => (call.paid ? billingDisabled(call, serviceOf(call.path), projectOf(call)) : null),
      rateLimited: perMinute,
      // A project may have one of the two and not the other.
      scoped: (call) => (serviceOf(call.path) === toText ? serviceDisabled(call, toText, projectOf(call)) : null),
    }),
  ),
  missingKey: unregisteredCaller,
  notFound,
  methodNotAllowed: notFound,
  tooLarge,
  routes: [
    { ...tokenRoute, open: true },
    { method: "POST", path: /^\/v1(?:p1beta1)?\/speech:recognize$/, paid: true, answer: recognizeV1 },
    { method: "POST", path: /^\/v1(?:p1beta1)?\/speech:longrunningrecognize$/, paid: true, answer: recognizeLongV1 },
    { method: "GET", path: /^\/v1(?:p1beta1)?\/operations$/, paid: false, answer: listOperations },
    { method: "GET", path: /^\/v1(?:p1beta1)?\/operations\/([^/]+)$/, paid: false, answer: readOperation },
    {
      method: "POST",
      path: /^\/v2\/projects\/[^/]+\/locations\/[^/]+\/recognizers\/[^/:]+:recognize$/,
      paid: true,
      answer: accountsOnly(recognizeV2),
    },
    {
      method: "GET",
      path: /^\/v2\/projects\/[^/]+\/locations\/[^/]+\/recognizers$/,
      paid: false,
      answer: accountsOnly(() => told({})),
    },
    { method: "GET", path: /^\/v1(?:beta1)?\/voices$/, paid: false, answer: listVoices },
    { method: "POST", path: /^\/v1(?:beta1)?\/text:synthesize$/, paid: true, answer: synthesize },
  ],
};

/** Version 2 of Speech-to-Text takes no API keys. */
function accountsOnly(answer: Route["answer"]): Route["answer"] {
  return (call) => (call.credential.header === "authorization" ? answer(call) : keysNotSupported(call, toText));
}

function serviceOf(path: string): GoogleService {
  return /\/(voices|text:synthesize)$/.test(path) ? toSpeech : toText;
}

function projectOf(call: Call): string {
  return /\/projects\/([^/]+)\//.exec(call.path)?.[1] ?? accountThatCalls(call)?.projectId ?? projectNumber;
}

function perMinute(call: Call, retryAfterS: number): PlainAnswer {
  const { host } = serviceOf(call.path);
  const message = `Quota exceeded for quota metric 'All requests' and limit 'All requests per minute' of service '${host}' for consumer 'project_number:${projectNumber}'.`;
  const metadata = {
    service: host,
    consumer: `projects/${projectNumber}`,
    quota_metric: `${host}/all_requests`,
    quota_limit: "AllRequestsPerMinutePerProject",
    quota_limit_value: "1000",
    quota_unit: "1/min/{project}",
  };
  const details = [
    errorInfo("RATE_LIMIT_EXCEEDED", metadata),
    help("Request a higher quota limit.", "https://cloud.google.com/docs/quotas/help/request_increase"),
    retryInfo(retryAfterS),
  ];
  return refusal(call, { code: 429, message, status: "RESOURCE_EXHAUSTED", details });
}
