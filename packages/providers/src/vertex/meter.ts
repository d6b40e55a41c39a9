/** Counts what a call to Vertex AI used: `generateContent`, embeddings, and the models of Anthropic's and OpenAI's shape. */
import { anthropicMeter } from "../anthropic/meter.ts";
import { count, inclusive, sum } from "../counts.ts";
import { contentAnswer, contentStream } from "../google/usage.ts";
import { modelOf } from "../google/model-of.ts";
import { openaiMeter } from "../openai/meter.ts";
import { object, objects } from "../vendor-json.ts";
import type { Meter } from "../provider.ts";
import type { MeteredUsage } from "../usage.ts";
import type { JsonObject } from "../vendor-json.ts";

/** Operations of models that speak their own vendor's language. */
const foreign: Readonly<Record<string, Meter>> = { messages: anthropicMeter, "chat.completions": openaiMeter };

export const vertexMeter: Meter = {
  ask: (route, body) => foreign[route.operation]?.ask(route, body),

  json(answer, call) {
    const { operation } = call.route;
    // Counting is free: nothing was used, and that is known.
    if (operation === "models.count_tokens") return { inputTokens: 0, outputTokens: 0 };
    if (operation === "models.predict") return embeddingUsage(object(answer), modelOf(call.path, call.body));
    return foreign[operation]?.json(answer, call) ?? contentAnswer(answer);
  },

  stream: (call) => foreign[call.route.operation]?.stream(call) ?? contentStream(call),
};

/** Each text's own count, in its prediction. Images are predicted too, and have none. */
function embeddingUsage(answer: JsonObject | undefined, model: string | null): MeteredUsage | null {
  const tokens = objects(answer?.["predictions"]).map((prediction) => count(object(object(prediction["embeddings"])?.["statistics"])?.["token_count"]));
  return inclusive({ model: model ?? undefined, inputTokens: sum(...tokens) });
}
