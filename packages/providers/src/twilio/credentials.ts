/**
 * A Twilio account with its auth token, or with an API key pair. Every SID has its own prefix, so that the commonest
 * mistake, two fields exchanged, is named.
 */
import { z } from "zod";
import { choiceField, identifierField, secretField } from "../credentials.ts";
import type { CredentialFault, CredentialSchema } from "../credentials.ts";
import type { KeyData } from "../key-data.ts";
import { twilioEdges, twilioRegions } from "./hosts.ts";

/** SIDs stand in paths, so nothing passes that could leave its segment. Length is left to the probe. */
const sidSigns = /^[A-Za-z0-9._-]+$/;

function sidFault(prefix: "AC" | "SK", what: string) {
  return (sid: string): CredentialFault | undefined => {
    const other = prefix === "AC" ? "SK" : "AC";
    if (sid.startsWith(other)) {
      const field = prefix === "AC" ? "apiKeySid" : "accountSid";
      return { problem: "exchanged", message: `begins with ${other}, as keyData.${field} does; ${what} begins with ${prefix}. The two look exchanged.` };
    }
    if (!sid.startsWith(prefix) || !sidSigns.test(sid)) {
      // White space and what else cannot be seen are named by the checks of every field.
      return /^[\x21-\x7e]*$/.test(sid) ? { problem: "not_a_sid", message: `is no ${prefix} SID; ${what} begins with ${prefix}. Copy it from the Twilio Console.` } : undefined;
    }
    return undefined;
  };
}

const notASid = (secret: string): CredentialFault | undefined =>
  /^(?:AC|SK)[0-9a-fA-F]{32}$/.test(secret)
    ? { problem: "exchanged", message: `holds a SID (${secret.slice(0, 2)}…), which is public; the secret that belongs to it goes here.` }
    : undefined;

/** Marks a field that another one makes necessary, or impossible. */
function blame(context: z.core.ParsePayload, field: string, problem: "missing" | "conflicting", message: string): void {
  context.issues.push({ code: "custom", path: [field], message, params: { problem }, input: undefined });
}

export const twilioCredentials: CredentialSchema<"twilio"> = z
  .strictObject({
    accountSid: identifierField("the account's SID", { title: "Account SID", description: "AC…, from the Twilio Console." }, sidFault("AC", "the account's SID")),
    authToken: secretField({ provider: "twilio", what: "an auth token" }, { title: "Auth token", description: "Or an API key with its secret." }, notASid).optional(),
    apiKeySid: identifierField("the API key's SID", { title: "API key SID", description: "SK…, together with its secret." }, sidFault("SK", "an API key's SID")).optional(),
    apiKeySecret: secretField({ provider: "twilio", what: "an API key's secret" }, { title: "API key secret" }, notASid).optional(),
    region: choiceField(twilioRegions, { title: "Region", description: "Credentials belong to one region; us1 where none is given." }).optional(),
    edge: choiceField(twilioEdges, { title: "Edge", description: "The region's own where none is given." }).optional(),
  })
  .check((context) => {
    const { authToken, apiKeySid, apiKeySecret } = context.value;
    const pair = apiKeySid !== undefined || apiKeySecret !== undefined;
    if (authToken !== undefined && pair) {
      blame(context, "authToken", "conflicting", "stands beside an API key. Give the auth token, or the API key with its secret, not both.");
    } else if (authToken === undefined && !pair) {
      blame(context, "authToken", "missing", "is missing. Give the account's auth token, or keyData.apiKeySid with keyData.apiKeySecret.");
    } else if (pair && apiKeySecret === undefined) {
      blame(context, "apiKeySecret", "missing", "is missing. Twilio shows it once, when the API key is made.");
    } else if (pair && apiKeySid === undefined) {
      blame(context, "apiKeySid", "missing", "is missing. It begins with SK and stands beside the secret.");
    }
  })
  .transform(({ accountSid, authToken, apiKeySid, apiKeySecret, region, edge }): KeyData<"twilio"> => {
    const account = { accountSid, ...(region !== undefined && { region }), ...(edge !== undefined && { edge }) };
    // The check above left exactly one of the two.
    return authToken === undefined ? { ...account, apiKeySid: apiKeySid ?? "", apiKeySecret: apiKeySecret ?? "" } : { ...account, authToken };
  });
