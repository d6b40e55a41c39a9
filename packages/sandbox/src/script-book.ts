// Who meets which fault next: scripts that a test wrote, and scripts that a key carries in its own text, so that a sandbox in
// another process can be driven with nothing but the key.
import type { Fault } from "./fault.ts";

/** What a key's own text asks for. */
interface WordedScript {
  readonly faults: readonly Fault[];
  /**
   * Met only by calls that cost: a key must pass a free probe to be stored at all, and what is worth watching comes afterwards.
   */
  readonly paidOnly: boolean;
}

const wordedScripts: Readonly<Record<string, WordedScript>> = {
  invalid: { faults: [{ kind: "invalid" }], paidOnly: false },
  revoked: { faults: [{ kind: "revoked" }], paidOnly: false },
  scoped: { faults: [{ kind: "scoped" }], paidOnly: false },
  dies: { faults: [{ kind: "ok" }, { kind: "revoked" }], paidOnly: true },
  noquota: { faults: [{ kind: "no_quota" }], paidOnly: true },
  ratelimit: { faults: [{ kind: "rate_limited" }, { kind: "ok" }], paidOnly: true },
  slow: { faults: [{ kind: "slow", beforeHeadersMs: 500, betweenChunksMs: 150 }], paidOnly: true },
  cut: { faults: [{ kind: "cut_stream", afterEvents: 4 }], paidOnly: true },
  hang: { faults: [{ kind: "hang" }], paidOnly: true },
  reset: { faults: [{ kind: "reset" }], paidOnly: true },
  echo: { faults: [{ kind: "echo_key" }], paidOnly: true },
  testcreds: { faults: [{ kind: "test_credentials" }], paidOnly: false },
};

const words = Object.keys(wordedScripts).join("|");
const dashed = new RegExp(`-(${words}|5\\d\\d)-`, "i");
/** Twilio's auth tokens are letters and digits: there the word comes first and a zero ends it, which no hexadecimal token does. */
const undashed = new RegExp(`^(${words}|err5\\d\\d)0[0-9a-z]*$`, "i");

/** The scripts of one sandbox. */
export class ScriptBook {
  readonly #scripts = new Map<string, readonly Fault[]>();
  readonly #met = new Map<string, number>();

  /** Replaces what the key meets from its next call on. No faults: the key's text decides again. */
  write(key: string, faults: readonly Fault[]): void {
    this.#met.delete(key);
    if (faults.length === 0) this.#scripts.delete(key);
    else this.#scripts.set(key, faults);
  }

  /**
   * What this call meets; undefined when nobody scripted the key. The last fault of a script stays.
   *
   * @param names the key, and other names that a script may call it by
   * @param paid whether the call is one that the vendor bills or limits
   */
  next(names: readonly string[], paid: boolean): Fault | undefined {
    for (const name of names) {
      const faults = this.#scripts.get(name);
      if (faults !== undefined) return this.#step(name, faults, paid);
    }
    const key = names[0] ?? "";
    const worded = scriptInText(key);
    if (worded === undefined) return undefined;
    if (worded.paidOnly && !paid) return worded.faults[0]?.kind === "no_quota" ? worded.faults[0] : { kind: "ok" };
    return this.#step(key, worded.faults, paid);
  }

  /** What `next` would say of a call that is free, without using a step up. */
  peek(names: readonly string[]): Fault | undefined {
    for (const name of names) {
      const faults = this.#scripts.get(name);
      if (faults !== undefined) return faults[Math.min(this.#met.get(name) ?? 0, faults.length - 1)];
    }
    const worded = scriptInText(names[0] ?? "");
    return worded?.paidOnly === false ? worded.faults[0] : undefined;
  }

  clear(): void {
    this.#scripts.clear();
    this.#met.clear();
  }

  #step(name: string, faults: readonly Fault[], paid: boolean): Fault | undefined {
    const met = this.#met.get(name) ?? 0;
    const fault = faults[Math.min(met, faults.length - 1)];
    // An empty account still lists its models: the step waits for a call that costs.
    if (fault?.kind !== "no_quota" || paid) this.#met.set(name, met + 1);
    return fault;
  }
}

function scriptInText(key: string): WordedScript | undefined {
  const word = (dashed.exec(key) ?? undashed.exec(key))?.[1]?.toLowerCase();
  if (word === undefined) return undefined;
  const status = /^(?:err)?(5\d\d)$/.exec(word)?.[1];
  if (status !== undefined) return { faults: [{ kind: "server_error", status: Number(status) }], paidOnly: true };
  return wordedScripts[word];
}
