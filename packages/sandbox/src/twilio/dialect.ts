// Twilio as the sandbox speaks it: `api.twilio.com`, and the keys of `iam.twilio.com`, behind one address.
import type { Answer, Arrival, Call, Credential, Dialect, Route } from "../dialect.ts";
import { readAccount, readBalance } from "./account.ts";
import { methodNotAllowed, notAuthenticated, notFound, pageOf, refusals, tooLarge } from "./answers.ts";
import { deleteCall, listCalls, placeCall, readCall, updateCall } from "./calls.ts";
import { deleteKey, listKeys, mintKey, opens, readKey } from "./keys.ts";
import { deleteMessage, listMessages, readMessage, sendMessage } from "./messages.ts";
import { buyTestNumber } from "./test-numbers.ts";
import { listUsage } from "./usage.ts";

type Rights = "any key" | "auth token only";

export const twilio: Dialect = {
  credential: basic,
  requestId: (sequence) => `RQ${sequence.toString(16).padStart(32, "0")}`,
  account: (credential, path) => /^\/2010-04-01\/Accounts\/(AC[0-9a-f]{32})(?![0-9a-z])/i.exec(path)?.[1] ?? credential.username,
  refusals,
  missingKey: notAuthenticated,
  notFound,
  methodNotAllowed,
  tooLarge,
  routes: [
    route("GET", "", "auth token only", readAccount),
    route("GET", "/Balance", "any key", readBalance),
    route("POST", "/Messages", "any key", sendMessage),
    route("GET", "/Messages", "any key", listMessages),
    route("GET", "/Messages/((?:SM|MM)[0-9a-fA-F]{32})", "any key", readMessage),
    route("DELETE", "/Messages/((?:SM|MM)[0-9a-fA-F]{32})", "any key", deleteMessage),
    route("POST", "/Calls", "any key", placeCall),
    route("GET", "/Calls", "any key", listCalls),
    route("GET", "/Calls/(CA[0-9a-fA-F]{32})", "any key", readCall),
    route("POST", "/Calls/(CA[0-9a-fA-F]{32})", "any key", updateCall),
    route("DELETE", "/Calls/(CA[0-9a-fA-F]{32})", "any key", deleteCall),
    route("GET", "/IncomingPhoneNumbers", "any key", (call) => pageOf(call, "incoming_phone_numbers", [])),
    route("POST", "/IncomingPhoneNumbers", "any key", buyTestNumber),
    route("GET", "/Usage/Records(?:/(Today|Yesterday|ThisMonth|LastMonth|Daily))?", "any key", listUsage),
    route("POST", "/Keys", "auth token only", mintKey),
    route("GET", "/Keys", "auth token only", listKeys),
    route("GET", "/Keys/(SK[0-9a-fA-F]{32})", "auth token only", readKey),
    route("DELETE", "/Keys/(SK[0-9a-fA-F]{32})", "auth token only", deleteKey),
    iamRoute("POST", "", mintKey),
    iamRoute("GET", "", listKeys),
    iamRoute("GET", "/(SK[0-9a-fA-F]{32})", readKey),
    iamRoute("DELETE", "/(SK[0-9a-fA-F]{32})", deleteKey),
  ],
};

/** A route below an account. Sending and calling cost; the rest is free. */
function route(method: Route["method"], below: string, rights: Rights, answer: Route["answer"]): Route {
  const path = new RegExp(`^/2010-04-01/Accounts/(AC[0-9a-fA-F]{32})${below}\\.json$`);
  const paid = method === "POST" && /^\/(Messages|Calls|IncomingPhoneNumbers)$/.test(below);
  return { method, path, paid, answer: (call) => denied(call, rights) ?? answer(call) };
}

function iamRoute(method: Route["method"], below: string, answer: Route["answer"]): Route {
  const path = new RegExp(`^/v1/Keys${below}$`);
  return { method, path, paid: false, answer: (call) => denied(call, "auth token only") ?? answer(call) };
}

/** An auth token opens its own account only; API keys are not told apart by account, and may not manage accounts and keys. */
function denied(call: Call, rights: Rights): Answer | null {
  const { username } = call.credential;
  if (username.startsWith("SK")) {
    if (rights === "auth token only") return notAuthenticated(call, "Permission Denied");
    return opens(call.shelf, call.credential) ? null : notAuthenticated(call);
  }
  return username === call.shelf.account ? null : notFound(call);
}

function basic({ headers }: Arrival): Credential | null {
  const encoded = /^basic\s+(\S+)$/i.exec(headers["authorization"] ?? "")?.[1];
  if (encoded === undefined) return null;
  const pair = Buffer.from(encoded, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  const username = pair.slice(0, Math.max(colon, 0));
  const key = pair.slice(colon + 1);
  if (username === "" || key === "") return null;
  return { key, aliases: [pair], username, header: "authorization", wellFormed: couldBeIssued(username, key) };
}

function couldBeIssued(username: string, password: string): boolean {
  if (/^AC[0-9a-fA-F]{32}$/.test(username)) return /^[0-9a-zA-Z]{32,64}$/.test(password);
  return /^SK[0-9a-fA-F]{32}$/.test(username) && /^\S{16,128}$/.test(password);
}
