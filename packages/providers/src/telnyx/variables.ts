/** Variables that give a key of Telnyx: those of telnyx 7.24.0. */
import { baseUrlNote, settingNote } from "../variables.ts";
import type { Variable } from "../variables.ts";

export const telnyxVariables: readonly Variable[] = [
  { name: "TELNYX_API_KEY", field: "apiKey", key: true },
  { name: "TELNYX_PUBLIC_KEY", field: "publicKey" },
  { name: "TELNYX_CLIENT_ID", field: null, note: "is an OAuth client, which is not stored here" },
  { name: "TELNYX_CLIENT_SECRET", field: null, note: "is an OAuth client, which is not stored here" },
  { name: "TELNYX_BASE_URL", field: null, note: baseUrlNote },
  { name: "TELNYX_CUSTOM_HEADERS", field: null, note: settingNote },
  { name: "TELNYX_LOG", field: null, note: settingNote },
];
