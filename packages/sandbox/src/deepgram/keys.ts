// A project, its balance and its keys; keys that it makes are shown once, and stop working when they are deleted.
import { type Answer, type Call, Drawer, jsonBody, type PlainAnswer, textIn } from "../dialect.ts";
import { modernRefusal, notPermitted, refusal, told, vendorHeaders } from "./answers.ts";
import { uuidOf } from "./voices.ts";

interface ApiKey {
  readonly id: string;
  readonly key: string;
  readonly comment: string;
  readonly scopes: readonly string[];
  readonly tags: readonly string[];
  readonly created: Date;
  readonly expires: string | null;
}

const apiKeys = new Drawer<ApiKey>();
/** The latest time that a Date can hold. */
const never = new Date(8_640_000_000_000_000);

export function keyIdOf(key: string): string {
  return uuidOf(`key ${key}`);
}

export function projectOf(call: Call): string {
  return uuidOf(`project ${call.shelf.account}`);
}

/** A route below the caller's project. Other projects are not there, and what is no UUID is refused in plain text. */
export function inProject(answer: (call: Call) => Answer): (call: Call) => Answer {
  return (call) => {
    const id = call.params[0] ?? "";
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) {
      const at = Math.max(0, id.search(/[^0-9a-f-]/i));
      const text = `UUID parsing failed: invalid character: expected an optional prefix of \`urn:uuid:\` followed by [0-9a-zA-Z], found \`${id[at] ?? ""}\` at ${at + 1}`;
      return { status: 404, headers: { "content-type": "text/plain", ...vendorHeaders(call) }, body: text };
    }
    if (isToken(call)) return notPermitted(call);
    return id.toLowerCase() === projectOf(call) ? answer(call) : noProject(call);
  };
}

/** Temporary tokens open the voice APIs only. */
export function isToken(call: Call): boolean {
  return call.credential.presented !== undefined;
}

export function listProjects(call: Call): Answer {
  return isToken(call) ? notPermitted(call) : told(call, { projects: [described(call)] });
}

export function readProject(call: Call): Answer {
  return told(call, described(call));
}

export function listBalances(call: Call): Answer {
  const amount = call.fault.kind === "no_quota" ? 0 : 187.42;
  return told(call, {
    balances: [{ balance_id: uuidOf(`balance ${call.shelf.account}`), amount, units: "USD", purchase_order_id: "sandbox" }],
  });
}

export function listKeys(call: Call): Answer {
  return told(call, { api_keys: allKeys(call).map((apiKey) => listed(call, apiKey)) });
}

export function readKey(call: Call): Answer {
  const apiKey = allKeys(call).find((each) => each.id === call.params[1]);
  return apiKey === undefined ? noKey(call) : told(call, { item: listed(call, apiKey) });
}

export function createKey(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null)
    return modernRefusal(
      call,
      400,
      "INVALID_JSON",
      "Invalid JSON submitted.",
      "Json deserialize error: EOF while parsing a value at line 1 column 0",
    );
  const { scopes, tags, time_to_live_in_seconds: ttl } = body;
  if (textIn(body, "comment") === "")
    return modernRefusal(call, 400, "INVALID_JSON", "Invalid JSON submitted.", "Json deserialize error: missing field `comment`");
  if (!Array.isArray(scopes))
    return modernRefusal(call, 400, "INVALID_JSON", "Invalid JSON submitted.", "Json deserialize error: missing field `scopes`");
  const lasting = typeof ttl === "number" ? new Date(call.at.getTime() + ttl * 1000).toISOString() : null;
  const expires = textIn(body, "expiration_date") || lasting;
  const key = call.vault.issue("", {
    purpose: "key",
    key: "",
    aliases: [],
    account: call.shelf.account,
    expiresAt: expires === null ? never : new Date(expires),
  });
  allKeys(call); // The one that asks comes before the one that it makes.
  const apiKey: ApiKey = {
    id: keyIdOf(key),
    key,
    comment: textIn(body, "comment"),
    scopes: texts(scopes),
    tags: texts(tags),
    created: call.at,
    expires,
  };
  apiKeys.of(call.shelf).set(apiKey.id, apiKey);
  return told(call, {
    api_key_id: apiKey.id,
    key,
    comment: apiKey.comment,
    scopes: apiKey.scopes,
    tags: apiKey.tags,
    ...(expires !== null && { expiration_date: expires }),
  });
}

export function deleteKey(call: Call): Answer {
  const apiKey = allKeys(call).find((each) => each.id === call.params[1]);
  if (apiKey === undefined) return noKey(call);
  apiKeys.of(call.shelf).delete(apiKey.id);
  call.vault.delete(apiKey.key);
  return told(call, { message: "Successfully deleted the API key!" });
}

function texts(list: unknown): string[] {
  return Array.isArray(list) ? list.filter((each) => typeof each === "string") : [];
}

/** A key that the sandbox did not make joins its project when it first asks for the keys. */
function allKeys(call: Call): ApiKey[] {
  const { key } = call.credential;
  const id = keyIdOf(key);
  const drawer = apiKeys.of(call.shelf);
  if (!drawer.has(id))
    drawer.set(id, {
      id,
      key,
      comment: "byok",
      scopes: ["owner"],
      tags: [],
      created: new Date("2026-01-05T08:00:00Z"),
      expires: null,
    });
  return [...drawer.values()];
}

function listed(call: Call, apiKey: ApiKey): object {
  return {
    member: { member_id: uuidOf(`member ${call.shelf.account}`), email: "owner@example.com" },
    api_key: {
      api_key_id: apiKey.id,
      comment: apiKey.comment,
      scopes: apiKey.scopes,
      created: apiKey.created.toISOString(),
      ...(apiKey.tags.length > 0 && { tags: apiKey.tags }),
      ...(apiKey.expires !== null && { expiration_date: apiKey.expires }),
    },
  };
}

function described(call: Call): object {
  return { project_id: projectOf(call), name: "Sandbox project" };
}

function noProject(call: Call): PlainAnswer {
  return told(call, { err_code: "PROJECT_NOT_FOUND", err_msg: "Project not found." }, 404);
}

function noKey(call: Call): PlainAnswer {
  return refusal(call, 404, "KEY_NOT_FOUND", "API key not found.");
}
