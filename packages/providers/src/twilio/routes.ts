/**
 * Twilio's REST API (twilio-oai, `twilio_api_v2010`, `accounts_v1`, `iam_v1`, `pricing_v1/v2`, `messaging_v1`). Sending
 * and calling act on the world. Whatever shows or makes credentials (an account's body holds its auth token), buys
 * numbers or changes what happens to incoming calls is management.
 */
import { kinds, routeTable } from "../routes.ts";
import type { RouteLine } from "../routes.ts";

const { create, read, list, manage, catalogue, act, actOnStored } = kinds;
const account = "/2010-04-01/Accounts/{account}";

/** A resource that is kept: list, and one or what lies below it. */
const kept = (name: string, operation: string): RouteLine[] => [
  ["GET", `${account}/${name}.json`, `${operation}.list`, list],
  ["GET", `${account}/${name}/{id}.json`, `${operation}.get`, read],
  ["GET", `${account}/${name}/{id}/**`, `${operation}.get`, read],
  ["DELETE", `${account}/${name}/{id}.json`, `${operation}.delete`, create],
  ["DELETE", `${account}/${name}/{id}/**`, `${operation}.delete`, create],
];

const managed = (path: string, operation: string): RouteLine[] => [
  ["*", path, operation, manage],
  ["*", path.endsWith(".json") ? `${path.slice(0, -".json".length)}/**` : `${path}/**`, operation, manage],
];

export const twilioRoutes = routeTable([
  ["POST", `${account}/Messages.json`, "sms.send", act],
  ["POST", `${account}/Messages/{id}.json`, "sms.update", actOnStored],
  ["POST", `${account}/Messages/{id}/Feedback.json`, "sms.feedback", create],
  ...kept("Messages", "sms"),
  ["POST", `${account}/Calls.json`, "calls.create", act],
  ["POST", `${account}/Calls/{id}.json`, "calls.update", actOnStored],
  ["POST", `${account}/Calls/{id}/**`, "calls.update", actOnStored],
  ...kept("Calls", "calls"),
  ["POST", `${account}/Conferences/{id}.json`, "conferences.update", actOnStored],
  ["POST", `${account}/Conferences/{id}/**`, "conferences.update", actOnStored],
  ...kept("Conferences", "conferences"),
  ["POST", `${account}/Queues.json`, "queues.create", create],
  ["POST", `${account}/Queues/{id}.json`, "queues.update", create],
  ["POST", `${account}/Queues/{id}/**`, "queues.members", actOnStored],
  ...kept("Queues", "queues"),
  ...kept("Recordings", "recordings"),
  ...kept("Transcriptions", "transcriptions"),
  ...kept("Notifications", "notifications"),
  ["GET", `${account}/AvailablePhoneNumbers.json`, "available_numbers", catalogue],
  ["GET", `${account}/AvailablePhoneNumbers/**`, "available_numbers", catalogue],
  ["GET", `${account}/Usage/Records.json`, "usage.records", list],
  ["GET", `${account}/Usage/Records/**`, "usage.records", list],
  ["GET", `${account}/Balance.json`, "balance", list],
  ...managed(`${account}/IncomingPhoneNumbers.json`, "incoming_numbers"),
  ...managed(`${account}/OutgoingCallerIds.json`, "caller_ids"),
  ...managed(`${account}/Applications.json`, "applications"),
  ...managed(`${account}/Addresses.json`, "addresses"),
  ...managed(`${account}/Usage/Triggers.json`, "usage.triggers"),
  ...managed(`${account}/Keys.json`, "keys"),
  ...managed(`${account}/SigningKeys.json`, "signing_keys"),
  ["*", `${account}/Tokens.json`, "tokens", manage],
  ...managed(`${account}/SIP`, "sip"),
  ...managed(`${account}/ConnectApps.json`, "connect_apps"),
  ...managed(`${account}/AuthorizedConnectApps.json`, "connect_apps"),
  ["*", "/2010-04-01/Accounts.json", "accounts", manage],
  ["*", "/2010-04-01/Accounts/{account}.json", "accounts", manage],

  ["*", "/v1/AuthTokens/**", "auth_tokens", manage],
  ["*", "/v1/Credentials/**", "credentials", manage],
  ...managed("/v1/Keys", "keys"),
  ["*", "/v1/GetKeys", "keys", manage],
  ...managed("/v1/Services", "messaging_services"),
  ...managed("/v1/a2p", "a2p"),
  ["GET", "/v1/Messaging/Countries", "pricing.messaging", catalogue],
  ["GET", "/v1/Messaging/Countries/{country}", "pricing.messaging", catalogue],
  ["GET", "/v1/PhoneNumbers/Countries", "pricing.numbers", catalogue],
  ["GET", "/v1/PhoneNumbers/Countries/{country}", "pricing.numbers", catalogue],
  ["GET", "/v2/Voice/Countries", "pricing.voice", catalogue],
  ["GET", "/v2/Voice/Countries/{country}", "pricing.voice", catalogue],
  ["GET", "/v2/Voice/Numbers/{number}", "pricing.voice", catalogue],
]);
