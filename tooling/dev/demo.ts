/**
 * What a newcomer needs to see a call: a key that the sandbox takes, stored for the user `demo` through the product's own
 * door, and tokens. They are kept, so that a second start shows the same ones.
 */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { ConflictError, type BYOKManager } from "@stack-2025/byok-core";
import { authenticate, coreOf, createServiceToken, tokenScopes, type Core } from "@stack-2025/byok-core/internal";
import { readPrivateFile, replacePrivateFile } from "@stack-2025/byok/internal";

export interface Demo {
  /** A provider key as a customer would bring it. */
  sandboxKey: string;
  /** Service-wide, with every scope: for a developer's own tries. */
  token: string;
  /** Bound to the user `demo`, and good for calls alone: the one that is printed. */
  callToken: string;
}

const user = { userId: "demo" };
const actor = "npm start";

/** The demo of this data folder, made or found again. */
export async function prepareDemo(manager: BYOKManager, folder: string): Promise<Demo> {
  const file = path.join(folder, "demo.json");
  const kept = read(file);
  const core = await coreOf(manager);
  const sandboxKey = kept.sandboxKey ?? `sk-sandbox-${randomBytes(24).toString("hex")}`;
  const [token, callToken] = await Promise.all([
    stillGood(core, kept.token, () => createServiceToken(core, actor, { name: "npm start", scopes: [...tokenScopes] })),
    stillGood(core, kept.callToken, () => createServiceToken(core, actor, { name: "npm start, the printed call", scopes: ["keys:use"], owner: user })),
    addDemoKey(manager, sandboxKey),
  ]);
  const demo = { sandboxKey, token, callToken };
  if (token !== kept.token || callToken !== kept.callToken || sandboxKey !== kept.sandboxKey) replacePrivateFile(file, JSON.stringify(demo, null, 2));
  return demo;
}

async function addDemoKey(manager: BYOKManager, apiKey: string): Promise<void> {
  try {
    await manager.addKey({ ...user, provider: "openai", keyData: { apiKey }, alias: "Demo key of the sandbox" });
  } catch (error) {
    // It was stored by an earlier start.
    if (!(error instanceof ConflictError)) throw error;
  }
}

/** A token of an earlier start, unless it was revoked or the database is another one. */
async function stillGood(core: Core, token: string | undefined, make: () => Promise<{ token: string }>): Promise<string> {
  const known = token !== undefined && (await authenticate(core, token).then(() => true, () => false));
  return known ? token : (await make()).token;
}

function read(file: string): Partial<Demo> {
  const text = readPrivateFile(file);
  if (text === undefined) return {};
  try {
    const { sandboxKey, token, callToken } = JSON.parse(text) as Record<string, unknown>;
    return {
      ...(typeof sandboxKey === "string" && { sandboxKey }),
      ...(typeof token === "string" && { token }),
      ...(typeof callToken === "string" && { callToken }),
    };
  } catch {
    return {}; // Cut off: a new one is made.
  }
}

/** One line that a shell runs as it is: a chat request that streams. */
export function curlCommand(apiUrl: string, callToken: string): string {
  const body = { model: "gpt-4o-mini", stream: true, messages: [{ role: "user", content: "Say hello." }] };
  return [
    `curl -sS -N ${apiUrl}/proxy/openai/v1/chat/completions`,
    `-H 'Authorization: Bearer ${callToken}'`,
    "-H 'Content-Type: application/json'",
    `-d '${JSON.stringify(body)}'`,
  ].join(" ");
}
