// API keys: minted, listed, deleted, both as `api.twilio.com` and as `iam.twilio.com` have it. A key minted here opens with its
// own secret only, and a deleted one never again.
import { type Answer, type Call, type Credential, Drawer, parseJson, type Shelf } from "../dialect.ts";
import { dateOf, deleted, formOf, notFound, pageOf, refusal, sidOf, told } from "./answers.ts";

interface ApiKey {
  readonly sid: string;
  readonly name: string;
  /** Null once deleted. */
  readonly secret: string | null;
  readonly policy: unknown;
  readonly at: Date;
}

const apiKeys = new Drawer<ApiKey>();

/** False for a key of this account that was deleted, or whose secret is another. Keys not minted here are taken. */
export function opens(shelf: Shelf, credential: Credential): boolean {
  const known = apiKeys.of(shelf).get(credential.username);
  return known === undefined || known.secret === credential.key;
}

export function mintKey(call: Call): Answer {
  const form = formOf(call);
  const restricted = form.get("KeyType") === "restricted";
  const policy = parseJson(form.get("Policy") ?? "null") ?? null;
  if (restricted && policy === null) return refusal(call, 400, 20001, "Policy is required for restricted keys");
  const sid = sidOf(call, "SK");
  const apiKey: ApiKey = { sid, name: form.get("FriendlyName") ?? "", secret: `sandboxSecret${sid.slice(-19)}`, policy, at: call.at };
  apiKeys.of(call.shelf).set(sid, apiKey);
  return told(call, 201, { ...describe(apiKey), secret: apiKey.secret, policy });
}

export function listKeys(call: Call): Answer {
  return pageOf(call, "keys", [...apiKeys.of(call.shelf).values()].filter((apiKey) => apiKey.secret !== null).map(describe));
}

export function readKey(call: Call): Answer {
  const apiKey = apiKeys.of(call.shelf).get(call.params.at(-1) ?? "");
  return apiKey === undefined || apiKey.secret === null ? notFound(call) : told(call, 200, describe(apiKey));
}

/** Also deletes keys that the sandbox never minted: it takes those too. */
export function deleteKey(call: Call): Answer {
  const sid = call.params.at(-1) ?? "";
  const known = apiKeys.of(call.shelf).get(sid);
  if (known?.secret === null) return notFound(call);
  apiKeys.of(call.shelf).set(sid, { ...(known ?? { sid, name: "", policy: null, at: call.at }), secret: null });
  return deleted(call);
}

function describe(apiKey: ApiKey): object {
  return { sid: apiKey.sid, friendly_name: apiKey.name, date_created: dateOf(apiKey.at), date_updated: dateOf(apiKey.at) };
}
