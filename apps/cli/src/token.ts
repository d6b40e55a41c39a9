/** `byok token`: service tokens, the first one of a new installation included. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { coreOf, createServiceToken, listServiceTokens, revokeServiceToken, tokenScopes, type TokenScope } from "@stack-2025/byok-core/internal";
import { toolSettings, withManager } from "./installation.ts";
import { table, writeJson, writeLines, type Io } from "./io.ts";
import { commaList, duration, jsonOption, optionalOwner, withOwner, type OwnerOptions } from "./options.ts";

interface Json {
  json?: true;
}
type CreateOptions = Json & OwnerOptions & { name: string; scope: TokenScope[]; expires?: number };

/** Who the audit names: somebody at the command line, with the root key in hand. */
const actor = "command";

export function addTokenCommands(program: Command, io: Io): void {
  const token = program.command("token").description("create, list and revoke service tokens");

  withOwner(token.command("create").description("make a token; its text is shown once"), { system: false })
    .requiredOption("--name <text>", "what it is for")
    .addOption(new Option("--scope <list>", "what it may do, separated by commas").argParser(scopeList).makeOptionMandatory())
    .addOption(new Option("--expires <duration>", "how long it lives, such as 1h or 90d; forever where it is left out").argParser(duration))
    .addOption(jsonOption())
    .addHelpText("after", `\nScopes: ${tokenScopes.join(", ")}.\nWithout --user and --org the token is service-wide.`)
    .action((options: CreateOptions) => createToken(io, options));

  withOwner(token.command("list").description("list the tokens of an owner, or the service-wide ones"), { system: false })
    .addOption(jsonOption())
    .action((options: Json & OwnerOptions) => listTokens(io, options));

  token
    .command("revoke <tokenId>")
    .description("end a token within a second")
    .addOption(jsonOption())
    .action((tokenId: string, options: Json) => revokeToken(io, tokenId, options));
}

function scopeList(text: string): TokenScope[] {
  const isScope = (one: string): one is TokenScope => tokenScopes.some((scope) => scope === one);
  const given = commaList(text);
  if (given.length === 0 || !given.every(isScope)) throw new InvalidArgumentError(`Scopes are: ${tokenScopes.join(", ")}.`);
  return given;
}

async function createToken(io: Io, options: CreateOptions): Promise<void> {
  const owner = optionalOwner(options);
  const made = await withManager(io, toolSettings(io.env), async (manager) =>
    createServiceToken(await coreOf(manager), actor, {
      name: options.name,
      scopes: options.scope,
      ...(owner && { owner }),
      ...(options.expires !== undefined && { expiresInMs: options.expires }),
    }),
  );
  if (options.json) return writeJson(io, made);
  const until = made.expiresAt === null ? "does not expire" : `expires ${made.expiresAt.toISOString()}`;
  writeLines(io, [made.token, "", `Token ${made.id} (${made.scopes.join(", ")}) ${until}. It is shown this once.`]);
}

async function listTokens(io: Io, options: Json & OwnerOptions): Promise<void> {
  const items = await withManager(io, toolSettings(io.env), async (manager) => listServiceTokens(await coreOf(manager), optionalOwner(options) ?? { system: true }));
  if (options.json) return writeJson(io, { items });
  const rows = items.map((one) => [
    one.id, one.name, one.scopes.join(","), one.createdAt.toISOString().slice(0, 10), one.expiresAt?.toISOString() ?? "never", one.revokedAt ? "revoked" : "in use",
  ]);
  writeLines(io, items.length === 0 ? ["No tokens."] : table(io, ["ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "STATE"], rows));
}

async function revokeToken(io: Io, tokenId: string, options: Json): Promise<void> {
  await withManager(io, toolSettings(io.env), async (manager) => revokeServiceToken(await coreOf(manager), tokenId, actor));
  if (options.json) writeJson(io, { id: tokenId, revoked: true });
  else writeLines(io, [`${tokenId} is revoked.`]);
}
