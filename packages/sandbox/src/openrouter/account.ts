// What OpenRouter says of a key, of its credits, of models and of generations that are over; and how a customer connects one.
import { randomBytes } from "node:crypto";
import { type Answer, type Call, jsonBody, textIn } from "../dialect.ts";
import { refusal, told } from "./answers.ts";
import { generations } from "./chat.ts";

export function readKey(call: Call): Answer {
  const { key } = call.credential;
  const management = /-mgmt-/i.test(key);
  const expiry = new Date(Date.UTC(call.at.getUTCFullYear() + 1, 11, 31, 23, 59, 59));
  return told(call, {
    data: {
      label: `${key.slice(0, 12)}...${key.slice(-3)}`,
      creator_user_id: `user_${call.shelf.account}`,
      organization_id: null,
      workspace_id: `ws_${call.shelf.account}`,
      limit: management ? null : 100,
      limit_remaining: management ? null : 74.5,
      limit_reset: "monthly",
      include_byok_in_limit: false,
      usage: 25.5,
      usage_daily: 1.5,
      usage_weekly: 5.5,
      usage_monthly: 25.5,
      byok_usage: 17.38,
      byok_usage_daily: 0,
      byok_usage_weekly: 0,
      byok_usage_monthly: 17.38,
      is_free_tier: false,
      is_management_key: management,
      is_provisioning_key: management,
      expires_at: expiry.toISOString().replace(".000Z", "Z"),
      allowed_data_regions: [call.fault.kind === "scoped" ? "europe" : "global"],
      free_model_daily_requests: { limit: 1000, used: 3, remaining: 997 },
      rate_limit: { requests: -1, interval: "10s", note: "This field is deprecated and safe to ignore." },
    },
  });
}

/** For management keys only. */
export function readCredits(call: Call): Answer {
  if (!/-mgmt-/i.test(call.credential.key))
    return refusal(call, { code: 403, message: "Only management keys can perform this operation" });
  return told(call, { data: { total_credits: 100.5, total_usage: 25.75 } });
}

/** Everybody may read them: that proves no key. */
export function listModels(call: Call): Answer {
  const data = [
    describedModel("openai/gpt-6-luna", "OpenAI: GPT-6 Luna", false),
    describedModel("meta-llama/llama-4-scout:free", "Meta: Llama 4 Scout (free)", true),
  ];
  return told(call, { data, total_count: data.length, links: { next: null } });
}

function describedModel(id: string, name: string, free: boolean): object {
  return {
    id,
    canonical_slug: id,
    name,
    created: 1_786_000_000,
    description: "",
    context_length: 400_000,
    architecture: {
      modality: "text->text",
      input_modalities: ["text"],
      output_modalities: ["text"],
      tokenizer: "GPT",
      instruct_type: null,
    },
    pricing: free ? { prompt: "0", completion: "0" } : { prompt: "0.000001", completion: "0.000004" },
    top_provider: { context_length: 400_000, max_completion_tokens: 128_000, is_moderated: false },
    per_request_limits: null,
    supported_parameters: ["max_tokens", "temperature"],
    default_parameters: null,
    supported_voices: null,
    links: { details: `/api/v1/models/${id}/endpoints` },
  };
}

/** What became of a generation, for whoever lost its stream. */
export function readGeneration(call: Call): Answer {
  const generation = generations.of(call.shelf).get(call.query.get("id") ?? "");
  if (generation === undefined)
    return refusal(call, { code: 404, message: `Generation ${call.query.get("id") ?? ""} not found` });
  const { id, model, at, usage, streamed, finish } = generation;
  const nothing = Object.fromEntries(nullFields.map((name) => [name, null]));
  return told(call, {
    data: {
      ...nothing,
      id,
      api_type: "completions",
      created_at: at.toISOString(),
      data_region: "global",
      finish_reason: finish,
      native_finish_reason: finish,
      is_byok: usage.upstreamCost !== undefined,
      model,
      native_tokens_cached: usage.cachedInputTokens,
      native_tokens_completion: usage.outputTokens,
      native_tokens_prompt: usage.inputTokens,
      native_tokens_reasoning: usage.reasoningTokens,
      origin: "",
      provider_name: "OpenAI",
      streamed,
      tokens_completion: usage.outputTokens,
      tokens_prompt: usage.inputTokens,
      total_cost: Number(usage.cost),
      upstream_inference_cost: usage.upstreamCost === undefined ? null : Number(usage.upstreamCost),
      usage: Number(usage.cost),
    },
  });
}

const nullFields = [
  "app_id",
  "cache_discount",
  "cancelled",
  "external_user",
  "generation_time",
  "http_referer",
  "latency",
  "moderation_latency",
  "native_tokens_completion_images",
  "num_fetches",
  "num_input_audio_prompt",
  "num_media_completion",
  "num_media_prompt",
  "num_search_results",
  "preset_id",
  "provider_responses",
  "router",
  "service_tier",
  "upstream_id",
  "user_agent",
  "web_search_engine",
  "workspace_id",
];

/** The end of connecting an account in a browser (PKCE): a code becomes a key. Any code will do, but the empty one. */
export function exchangeCode(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null || textIn(body, "code") === "") return refusal(call, { code: 400, message: "Invalid code" });
  return told(call, { key: `sk-or-v1-${randomBytes(32).toString("hex")}`, user_id: "user_sandbox" });
}
