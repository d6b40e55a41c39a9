/** Plays a probe against recorded answers. For tests alone: nothing that ships imports it. */
import type { VendorAnswer } from "./failure.ts";
import type { KeyData } from "./key-data.ts";
import type { Ask, Provider } from "./provider.ts";

export type Answers = Record<string, VendorAnswer | Error>;

/** Answers by `METHOD path`; asking anything else fails the test. */
function script(answers: Answers) {
  const asked: string[] = [];
  const requests: Parameters<Ask>[0][] = [];
  const ask: Ask = (request) => {
    const name = `${request.method} ${request.path}`;
    asked.push(name);
    requests.push(request);
    const answer = answers[name];
    if (answer === undefined) throw new Error(`nobody expected ${name}`);
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  return { ask, asked, requests };
}

/** Probes a key against a script; what was concluded, and what was asked for it. */
export async function play(provider: Provider, keyData: unknown, answers: Answers, now = new Date("2026-11-24T10:00:00Z")) {
  const { ask, asked, requests } = script(answers);
  const parsed: KeyData = provider.parse(keyData);
  const outcome = await provider.probe(parsed, ask, now);
  return { outcome, asked, requests };
}
