/** Variables that give a key of Vertex AI: those of @google/genai 3.1.0 and google-auth-library 11.3.4, @ai-sdk/google-vertex, LangChain. */
import { baseUrlNote } from "../variables.ts";
import type { Variable } from "../variables.ts";

export const vertexVariables: readonly Variable[] = [
  { name: "GOOGLE_APPLICATION_CREDENTIALS", field: "serviceAccount", key: true, file: true },
  { name: "GOOGLE_CLOUD_CREDENTIALS", field: "serviceAccount", key: true },
  { name: "GOOGLE_VERTEX_API_KEY", field: "apiKey", key: true },
  { name: "GOOGLE_VERTEX_PROJECT", field: "project", beside: "serviceAccount" },
  { name: "GOOGLE_CLOUD_PROJECT", field: "project", beside: "serviceAccount" },
  { name: "GOOGLE_VERTEX_LOCATION", field: "location", beside: "serviceAccount" },
  { name: "GOOGLE_CLOUD_LOCATION", field: "location", beside: "serviceAccount" },
  { name: "GOOGLE_VERTEX_BASE_URL", field: null, note: baseUrlNote },
];
