/** Variables that give a key of OpenAI: those of openai 7.57.0, and the names that LangChain and LiteLLM add. */
import { baseUrlNote, settingNote } from "../variables.ts";
import type { Variable } from "../variables.ts";

export const openaiVariables: readonly Variable[] = [
  { name: "OPENAI_API_KEY", field: "apiKey", key: true },
  { name: "OPENAI_ORG_ID", field: "organization" },
  { name: "OPENAI_ORGANIZATION", field: "organization" },
  { name: "OPENAI_PROJECT_ID", field: "project" },
  { name: "OPENAI_ADMIN_KEY", field: null, note: "is an admin key, which cannot call models" },
  { name: "OPENAI_BASE_URL", field: null, note: baseUrlNote },
  { name: "OPENAI_API_BASE", field: null, note: baseUrlNote },
  { name: "OPENAI_CUSTOM_HEADERS", field: null, note: settingNote },
  { name: "OPENAI_WEBHOOK_SECRET", field: null, note: "checks webhooks, and calls nothing" },
  { name: "OPENAI_LOG", field: null, note: settingNote },
];
