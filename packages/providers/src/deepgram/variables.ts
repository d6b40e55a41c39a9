/** Variables that give a key of Deepgram: those of @deepgram/sdk 5.13.0, and the name of the project in its examples. */
import type { Variable } from "../variables.ts";

export const deepgramVariables: readonly Variable[] = [
  { name: "DEEPGRAM_API_KEY", field: "apiKey", key: true },
  { name: "DEEPGRAM_PROJECT_ID", field: "projectId" },
  { name: "DEEPGRAM_ACCESS_TOKEN", field: null, note: "is a temporary token, which ends within an hour" },
];
