/**
 * Telnyx's API v2 as of telnyx 7.24.0, as far as messages, calls and their kin go. Sending and calling act on the world.
 * What makes credentials, buys numbers or changes what happens to calls and messages that come in is management.
 */
import { kinds, routeTable } from "../routes.ts";
import type { RouteLine } from "../routes.ts";

const { inference, unmetered, create, read, list, manage, catalogue, act, actOnStored } = kinds;

/** A resource that is kept: list, one, and its removal. */
const kept = (name: string, operation: string): RouteLine[] => [
  ["GET", `/v2/${name}`, `${operation}.list`, list],
  ["GET", `/v2/${name}/**`, `${operation}.get`, read],
  ["DELETE", `/v2/${name}/**`, `${operation}.delete`, create],
];

const managed = (name: string): RouteLine[] => [
  ["*", `/v2/${name}`, name.replaceAll(/[-/]/g, "_"), manage],
  ["*", `/v2/${name}/**`, name.replaceAll(/[-/]/g, "_"), manage],
];

const ways = ["long_code", "short_code", "number_pool", "alphanumeric_sender_id", "group_mms", "schedule", "whatsapp", "rcs"] as const;

export const telnyxRoutes = routeTable([
  ["POST", "/v2/messages", "sms.send", act],
  ...ways.map((way): RouteLine => ["POST", `/v2/messages/${way}`, "sms.send", act]),
  ["GET", "/v2/messages", "sms.list", list],
  ["GET", "/v2/messages/{id}", "sms.get", read],
  ["DELETE", "/v2/messages/{id}", "sms.cancel", actOnStored],
  ["POST", "/v2/verifications/{way}", "verifications.send", act],
  ["POST", "/v2/verifications/{id}/actions/verify", "verifications.check", create],
  ["POST", "/v2/verifications/by_phone_number/{number}/actions/verify", "verifications.check", create],
  ["GET", "/v2/verifications/**", "verifications.get", read],
  ["POST", "/v2/faxes", "faxes.send", act],
  ["POST", "/v2/faxes/{id}/actions/{verb}", "faxes.update", actOnStored],
  ...kept("faxes", "faxes"),

  ["POST", "/v2/calls", "calls.create", act],
  ["GET", "/v2/calls/{id}", "calls.get", read],
  ["POST", "/v2/calls/{id}/actions/{verb}", "calls.update", actOnStored],
  ["POST", "/v2/texml/calls/{application}", "calls.create", act],
  ["POST", "/v2/texml/Accounts/{account}/Calls", "calls.create", act],
  ["POST", "/v2/texml/Accounts/{account}/Calls/**", "calls.update", actOnStored],
  ["GET", "/v2/texml/Accounts/{account}/{resource}", "texml.list", list],
  ["GET", "/v2/texml/Accounts/{account}/**", "texml.get", read],
  ["*", "/v2/texml/secrets", "texml_secrets", manage],
  ["POST", "/v2/conferences", "conferences.create", actOnStored],
  ["POST", "/v2/conferences/{id}/actions/{verb}", "conferences.update", actOnStored],
  ...kept("conferences", "conferences"),
  ["POST", "/v2/queues", "queues.create", create],
  ["POST", "/v2/queues/{name}", "queues.update", create],
  ...kept("queues", "queues"),
  ...kept("recordings", "recordings"),
  ["POST", "/v2/recordings/actions/delete", "recordings.delete", create],
  ...kept("recording_transcriptions", "recording_transcriptions"),
  ["GET", "/v2/call_events", "calls.events", list],

  ["POST", "/v2/ai/chat/completions", "chat.completions", inference],
  ["POST", "/v2/ai/openai/chat/completions", "chat.completions", inference],
  ["POST", "/v2/ai/openai/embeddings", "embeddings", inference],
  ["POST", "/v2/ai/audio/transcriptions", "audio.transcriptions", inference],
  ["GET", "/v2/ai/models", "models.list", catalogue],
  ["GET", "/v2/ai/openai/models", "models.list", catalogue],
  ["POST", "/v2/text-to-speech/speech", "speech", inference],
  ["GET", "/v2/text-to-speech/voices", "speech.voices", catalogue],
  ["GET", "/v2/number_lookup/{number}", "number_lookup", unmetered],

  ["GET", "/v2/balance", "balance", list],
  ["GET", "/v2/whoami", "whoami", list],
  ["GET", "/v2/detail_records", "detail_records", list],
  ["GET", "/v2/usage_reports", "usage_reports", list],
  ["GET", "/v2/usage_reports/**", "usage_reports", list],
  ["GET", "/v2/reports/**", "reports", list],
  ["GET", "/v2/pricing/**", "pricing", catalogue],
  ["GET", "/v2/available_phone_numbers", "available_numbers", catalogue],

  ...[
    "telephony_credentials", "oauth", "oauth_clients", "oauth_grants", "api_keys", "managed_accounts", "organizations", "integration_secrets", "payment", "billing_groups",
    "messaging_profiles", "messaging", "phone_numbers", "number_orders", "number_reservations", "porting_orders", "10dlc", "verify_profiles", "whatsapp",
    "connections", "credential_connections", "ip_connections", "fqdn_connections", "call_control_applications", "texml_applications", "fax_applications", "outbound_voice_profiles",
    "notification_channels", "notification_profiles", "notification_settings", "webhook_deliveries", "audit_events",
  ].flatMap(managed),
]);
