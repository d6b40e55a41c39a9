// What a user outside the repository would write.
import { readDocuments, snippetsIn } from "../snippets/documents.ts";
import { withPrelude } from "../snippets/compile.ts";

/** The quick start of the readme, as it stands there. */
export function quickStart(): string {
  const readme = readDocuments().filter((document) => document.file === "README.md");
  const snippet = readme.flatMap(snippetsIn).find((one) => one.code.includes("// Initialize BYOK manager"));
  if (!snippet) throw new Error("README.md has no quick start");
  return snippet.code;
}

/** The quick start, and then what one would do next: call the vendor with the client that it made. */
export const quickStartProgram = (): string => `${withPrelude(quickStart())}
const answer = await openaiClient.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello." }] });
console.log(JSON.stringify({ source: key.source, organization: key.metadata.organization, said: answer.choices[0]?.message.content, printed: \`\${JSON.stringify(key)}\` }));
await byok.close();
`;

/** The typed client against a service: a listing whose types come from the service's router, and an error of core's class. */
export const clientProgram = `
import { createByokClient, KeyNotFoundError as ClientsKeyNotFoundError } from "@stack-2025/byok-client";
import { BYOKError, KeyNotFoundError } from "@stack-2025/byok-core";
import { Secret } from "@stack-2025/byok-crypto";

type IsAny<T> = 0 extends 1 & T ? true : false;

const client = createByokClient({ url: process.env["BYOK_URL"] ?? "", token: process.env["BYOK_TOKEN"] ?? "" });
const page = await client.trpc.keys.list.query({ userId: "user_123" });
const typed: [IsAny<typeof page>, IsAny<(typeof page.items)[number]>] = [false, false];
const first: string | null | undefined = page.items[0]?.alias;
// @ts-expect-error a listing has no such field
void page.keys;
// @ts-expect-error an owner is no number
void (() => client.trpc.keys.list.query({ userId: 5 }));

const record = (await client.listKeys("user_123")).items[0];
const created: Date | undefined = record?.createdAt;
const missing: unknown = await client.getKey("key_unknown").catch((error: unknown) => error);
console.log(JSON.stringify({
  typed, first,
  created: created instanceof Date,
  sameClass: missing instanceof KeyNotFoundError && missing instanceof ClientsKeyNotFoundError && missing instanceof BYOKError,
  secret: String(new Secret("not to be seen")),
}));
`;

/** What a user's own tests would do with \`/testing\`; the types alone are of interest where no PostgreSQL is installed. */
export const testingProgram = `
import { startSandbox, type Sandbox } from "@stack-2025/byok-core/testing";

const sandbox: Sandbox = await startSandbox();
sandbox.script("sk-a-key-of-my-customers", { kind: "revoked" });
const answer = await fetch(\`\${sandbox.baseUrl("openai")}/v1/models\`, { headers: { authorization: "Bearer sk-a-key-of-my-customers" } });
console.log(JSON.stringify({ status: answer.status, calls: sandbox.ledger.calls() }));
await sandbox.close();
`;
