// Telnyx as the sandbox speaks it.
import { accountOf } from "../account.ts";
import type { Arrival, Credential, Dialect, Route } from "../dialect.ts";
import { listPrices, readBalance, whoami } from "./account.ts";
import { methodNotAllowed, missingKey, notFound, refusals, tooLarge } from "./answers.ts";
import { command, dial, readCall } from "./calls.ts";
import { listDetailRecords } from "./detail-records.ts";
import { readMessage, sendMessage } from "./messages.ts";
import {
  createCredential,
  createCredentialToken,
  deleteCredential,
  listCredentials,
  readCredential,
} from "./telephony-credentials.ts";

export const telnyx: Dialect = {
  credential: bearer,
  requestId: (sequence) => `00000000-0000-4000-9000-${sequence.toString(16).padStart(12, "0")}`,
  account: (credential) => accountOf(credential.key),
  refusals,
  missingKey,
  notFound,
  methodNotAllowed,
  tooLarge,
  routes: [
    route("GET", "/balance", false, readBalance),
    route("GET", "/whoami", false, whoami),
    route("POST", "/messages", true, sendMessage),
    route("GET", "/messages/([^/]+)", false, readMessage),
    route("POST", "/calls", true, dial),
    route("GET", "/calls/([^/]+)", false, readCall),
    route("POST", "/calls/([^/]+)/actions/[a-z_]+", false, command),
    route("GET", "/detail_records", false, listDetailRecords),
    route("GET", "/pricing/products/([^/]+)", false, listPrices),
    route("POST", "/telephony_credentials", false, createCredential),
    route("GET", "/telephony_credentials", false, listCredentials),
    route("GET", "/telephony_credentials/([^/]+)", false, readCredential),
    route("DELETE", "/telephony_credentials/([^/]+)", false, deleteCredential),
    route("POST", "/telephony_credentials/([^/]+)/token", false, createCredentialToken),
  ],
};

function route(method: Route["method"], below: string, paid: boolean, answer: Route["answer"]): Route {
  return { method, path: new RegExp(`^/v2${below}$`), paid, answer };
}

function bearer({ headers }: Arrival): Credential | null {
  const key = /^bearer\s+(\S.*)$/i.exec(headers["authorization"] ?? "")?.[1]?.trim();
  if (key === undefined) return null;
  return { key, aliases: [], username: "", header: "authorization", wellFormed: /^KEY[A-Za-z0-9_-]{20,200}$/.test(key) };
}
