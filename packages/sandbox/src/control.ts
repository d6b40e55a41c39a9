// The sandbox's own routes, for processes that did not start it: write a script, read the ledger, start over.
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { isObject, parseJson, textIn } from "./dialect.ts";
import { parseFaults } from "./fault.ts";
import { published } from "./ledger.ts";
import type { Memory } from "./serve-call.ts";
import { tokenUri } from "./vault.ts";

/** Answers a request below `/_sandbox`. */
export async function serveControl(memory: Memory, reset: () => void, request: IncomingMessage, response: ServerResponse, address: URL): Promise<void> {
  const asked = `${request.method ?? "GET"} ${address.pathname}`;
  if (asked === "GET /_sandbox/ledger") return send(response, 200, readLedger(memory, address.searchParams));
  const body = await text(request);
  if (asked === "POST /_sandbox/reset") {
    reset();
    return send(response, 200, { ok: true });
  }
  if (asked === "POST /_sandbox/script") return writeScript(memory, body, response);
  if (asked === "POST /_sandbox/service-account") return send(response, 200, makeAccount(memory, body));
  send(response, 404, { error: "The sandbox has POST /_sandbox/script, GET /_sandbox/ledger, POST /_sandbox/service-account and POST /_sandbox/reset." });
}

function readLedger(memory: Memory, query: URLSearchParams): unknown {
  const filter = {
    ...(query.has("key") && { key: query.get("key") ?? "" }),
    ...(query.has("provider") && { provider: query.get("provider") ?? "" }),
    ...(query.has("path") && { path: query.get("path") ?? "" }),
  };
  return { totals: memory.ledger.totals(filter), entries: memory.ledger.entries(filter).map(published) };
}

function writeScript(memory: Memory, body: string, response: ServerResponse): void {
  try {
    const { key, faults } = parseScript(body);
    memory.scripts.write(key, faults);
    send(response, 200, { ok: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    send(response, 400, { error: error.message });
  }
}

function makeAccount(memory: Memory, body: string): unknown {
  const given = parseJson(body);
  const name = isObject(given) ? textIn(given, "name") : "";
  const projectId = isObject(given) ? textIn(given, "projectId") : "";
  return memory.vault.makeServiceAccount({ ...(name !== "" && { name }), ...(projectId !== "" && { projectId }) }, tokenUri(memory.url));
}

function parseScript(body: string): { key: string; faults: ReturnType<typeof parseFaults> } {
  const wanted = 'The body must be JSON such as { "key": "sk-…", "faults": [{ "kind": "revoked" }] }.';
  const given = parseJson(body);
  if (!isObject(given) || typeof given["key"] !== "string" || given["key"] === "") throw new TypeError(wanted);
  return { key: given["key"], faults: parseFaults(given["faults"] ?? []) };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
