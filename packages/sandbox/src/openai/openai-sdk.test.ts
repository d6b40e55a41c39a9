// OpenAI's own SDK against the sandbox: what it accepts, and which of its errors each fault becomes.
import OpenAI from "openai";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { startSandbox } from "../sandbox.ts";

const sandbox = await startSandbox();
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const key = "sk-test-openai-0000000000001";
const messages = [{ role: "system" as const, content: "Be brief." }, { role: "user" as const, content: "How are you today?" }];

function client(apiKey = key, maxRetries = 0): OpenAI {
  return new OpenAI({ apiKey, baseURL: `${sandbox.baseUrl("openai")}/v1`, organization: null, project: null, maxRetries });
}

describe("chat completions", () => {
  it("a call is answered, and the ledger says what the SDK was told", async () => {
    const answer = await client().chat.completions.create({ model: "gpt-4o-mini", messages });
    expect(answer.choices[0]?.message.content).toBe("This is gpt-4o-mini in the byok sandbox. You said: How are you today?");
    expect(answer.choices[0]?.finish_reason).toBe("stop");
    expect(answer.usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 13, total_tokens: 19 });
    const [entry] = sandbox.ledger.entries({ key });
    expect(entry).toMatchObject({
      provider: "openai", method: "POST", path: "/v1/chat/completions", model: "gpt-4o-mini", status: 200, stream: false,
      finished: true, aborted: false, vendorRequestId: answer._request_id, usage: { inputTokens: 6, outputTokens: 13 },
    });
  });

  it("a stream comes word by word and tells usage in a last chunk of its own, when asked", async () => {
    const stream = await client().chat.completions.create({
      model: "gpt-4o-mini", messages, stream: true, stream_options: { include_usage: true },
    });
    let text = "";
    const usages: unknown[] = [];
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usages.push(chunk.usage);
      expect(chunk.choices.length === 0).toBe(chunk.usage !== null);
    }
    expect(text).toBe("This is gpt-4o-mini in the byok sandbox. You said: How are you today?");
    expect(usages).toHaveLength(16);
    expect(usages.at(-1)).toMatchObject({ prompt_tokens: 6, completion_tokens: 13 });
    await sandbox.ledger.whenSettled();
    expect(sandbox.ledger.entries()[0]).toMatchObject({ stream: true, finished: true, usage: { inputTokens: 6, outputTokens: 13 } });
  });
});
