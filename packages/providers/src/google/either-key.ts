/** Key data that is a service account or an API key, never both: the check that Vertex and Google Speech share. */
import type { z } from "zod";

interface Given {
  serviceAccount?: string | undefined;
  apiKey?: string | undefined;
}

function blame(context: z.core.ParsePayload, field: string, problem: "missing" | "conflicting", message: string): void {
  context.issues.push({ code: "custom", path: [field], message, params: { problem }, input: undefined });
}

/** `companions`: fields that only a service account has beside it. */
export function oneOfTwo(companions: readonly string[]) {
  return (context: z.core.ParsePayload<Given & Record<string, unknown>>): void => {
    const { serviceAccount, apiKey } = context.value;
    if (serviceAccount !== undefined && apiKey !== undefined) {
      blame(context, "serviceAccount", "conflicting", "stands beside an API key. Give one of the two.");
    } else if (serviceAccount === undefined && apiKey === undefined) {
      blame(context, "serviceAccount", "missing", "is missing. Give a service account's JSON, or keyData.apiKey.");
    } else if (apiKey !== undefined) {
      const extra = companions.find((name) => context.value[name] !== undefined);
      if (extra !== undefined) blame(context, extra, "conflicting", "stands beside an API key, which has none. Leave it out.");
    }
  };
}
