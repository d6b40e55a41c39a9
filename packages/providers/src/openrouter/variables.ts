/** Variables that give a key of OpenRouter: those of @openrouter/sdk 1.3.19. */
import { baseUrlNote, settingNote } from "../variables.ts";
import type { Variable } from "../variables.ts";

export const openrouterVariables: readonly Variable[] = [
  { name: "OPENROUTER_API_KEY", field: "apiKey", key: true },
  { name: "OPENROUTER_BASE_URL", field: null, note: baseUrlNote },
  { name: "OPENROUTER_HTTP_REFERER", field: null, note: settingNote },
  { name: "OPENROUTER_APP_TITLE", field: null, note: settingNote },
  { name: "OPENROUTER_APP_CATEGORIES", field: null, note: settingNote },
  { name: "OPENROUTER_DEBUG", field: null, note: settingNote },
];
