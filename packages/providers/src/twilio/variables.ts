/** Variables that give a key of Twilio: those of twilio 6.2.0, and the names of API keys in its samples and command line. */
import { settingNote } from "../variables.ts";
import type { Variable } from "../variables.ts";

export const twilioVariables: readonly Variable[] = [
  { name: "TWILIO_AUTH_TOKEN", field: "authToken", key: true },
  { name: "TWILIO_API_SECRET", field: "apiKeySecret", key: true },
  { name: "TWILIO_API_KEY_SECRET", field: "apiKeySecret", key: true },
  { name: "TWILIO_ACCOUNT_SID", field: "accountSid" },
  { name: "TWILIO_API_KEY", field: "apiKeySid", beside: "apiKeySecret" },
  { name: "TWILIO_API_KEY_SID", field: "apiKeySid", beside: "apiKeySecret" },
  { name: "TWILIO_REGION", field: "region" },
  { name: "TWILIO_EDGE", field: "edge" },
  { name: "TWILIO_LOG_LEVEL", field: null, note: settingNote },
  { name: "TWILIO_CA_BUNDLE", field: null, note: settingNote },
];
