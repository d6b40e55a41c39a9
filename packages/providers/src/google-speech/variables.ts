/** Variables that give a key of Google Speech: those of google-auth-library 11.3.4, and names that are common where a JSON key or an API key is put into a variable. */
import { settingNote } from "../variables.ts";
import type { Variable } from "../variables.ts";

export const speechVariables: readonly Variable[] = [
  { name: "GOOGLE_APPLICATION_CREDENTIALS", field: "serviceAccount", key: true, file: true },
  { name: "GOOGLE_CREDENTIALS_JSON", field: "serviceAccount", key: true },
  { name: "GOOGLE_TTS_API_KEY", field: "apiKey", key: true },
  { name: "GCLOUD_PROJECT", field: null, note: "names a project; the service account brings its own" },
  { name: "GOOGLE_CLOUD_QUOTA_PROJECT", field: null, note: settingNote },
  { name: "GOOGLE_CLOUD_UNIVERSE_DOMAIN", field: null, note: settingNote },
];
