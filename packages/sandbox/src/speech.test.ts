import * as fc from "fast-check";
import { expect, it } from "vitest";
import { countPrompt, countTokens, piece, speak } from "./speech.ts";

const text = fc.array(fc.string({ unit: fc.constantFrom("a", "b", " ", "\n", "é") }), { maxLength: 8 }).map((parts) => parts.join(" "));

it("the pieces of a stream are the answer, one token each", () => {
  fc.assert(
    fc.property(text, (lastUser) => {
      const speech = speak("m", { system: [], turns: [lastUser], lastUser }, { maxTokens: null, thinks: false });
      expect(speech.words.map((_, at) => piece(speech.words, at)).join("")).toBe(speech.text);
      expect(speech.usage.outputTokens).toBe(countTokens(speech.text));
    }),
  );
});

it("no bound is ever passed, thinking included, and an answer is truncated only by its bound", () => {
  fc.assert(
    fc.property(fc.nat(40), fc.nat(40), fc.boolean(), (maxTokens, words, thinks) => {
      const lastUser = `words: ${words}`;
      const { usage, truncated } = speak("m", { system: [], turns: [lastUser], lastUser }, { maxTokens, thinks });
      expect(usage.outputTokens).toBeLessThanOrEqual(maxTokens);
      expect(usage.reasoningTokens).toBe(thinks ? Math.min(8, maxTokens) : 0);
      expect(truncated).toBe(usage.outputTokens - usage.reasoningTokens < words);
    }),
  );
});

it("what the cache had and got is part of the input", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom("", "cache: ", "cache-write: "), text), { maxLength: 6 }), fc.array(text, { maxLength: 6 }), (marked, turns) => {
      const system = marked.map(([mark, words]) => mark + words);
      const { inputTokens, cachedInputTokens, cacheWriteTokens } = countPrompt({ system, turns, lastUser: "" });
      expect(inputTokens).toBe(countTokens([...system, ...turns].join(" ")));
      expect(cachedInputTokens + cacheWriteTokens).toBeLessThanOrEqual(inputTokens);
    }),
  );
});
