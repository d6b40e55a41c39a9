/** Variables that give a key of Gemini: those of @google/genai 3.1.0, which takes the first of the first two, and @ai-sdk/google. */
import { baseUrlNote, settingNote } from "../variables.ts";
import type { Variable } from "../variables.ts";

export const geminiVariables: readonly Variable[] = [
  { name: "GOOGLE_API_KEY", field: "apiKey", key: true },
  { name: "GEMINI_API_KEY", field: "apiKey", key: true },
  { name: "GOOGLE_GENERATIVE_AI_API_KEY", field: "apiKey", key: true },
  { name: "GOOGLE_GENAI_API_KEY", field: "apiKey", key: true },
  { name: "GOOGLE_GENAI_ACCESS_TOKEN", field: null, note: "is an access token, which ends within an hour" },
  { name: "GOOGLE_GENAI_USE_VERTEXAI", field: null, note: settingNote },
  { name: "GOOGLE_GENAI_USE_ENTERPRISE", field: null, note: settingNote },
  { name: "GOOGLE_GENAI_API_VERSION", field: null, note: settingNote },
  { name: "GOOGLE_GEMINI_BASE_URL", field: null, note: baseUrlNote },
];
