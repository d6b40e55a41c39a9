/** `byok keys`: the keys of one owner, as an operator looks after them. Nothing here shows a secret. */
import { Option, type Command } from "commander";
import { ProviderType, type AddKey, type Environment, type KeyRecord, type KeyStatus } from "@stack-2025/byok-core";
import { environments, keyStatuses, readKeyData } from "@stack-2025/byok-core/internal";
import { exitCodes } from "./exit-codes.ts";
import { toolSettings, withManager } from "./installation.ts";
import { table, writeJson, writeLines, type Io } from "./io.ts";
import { duration, jsonOption, ownerOf, withOwner, type OwnerOptions } from "./options.ts";
import { readSecret } from "./read-secret.ts";

interface Json {
  json?: true;
}
type AddOptions = Json & OwnerOptions & { provider: ProviderType; alias?: string; environment?: Environment; validate?: "now" | "background" | "skip"; shared?: true };
type RotateKeyOptions = Json & { grace?: number; compromised?: true; validate?: "now" | "background" | "skip" };
type ExplainOptions = Json & OwnerOptions & { provider: ProviderType; environment?: Environment; model?: string };
type ListOptions = Json & OwnerOptions & { provider?: ProviderType; environment?: Environment; status?: KeyStatus };

const providerOption = (): Option => new Option("--provider <name>", "the provider").choices(Object.values(ProviderType));
const environmentOption = (): Option => new Option("--environment <name>", "production where it is left out").choices(environments);

export function addKeysCommands(program: Command, io: Io): void {
  const keys = program.command("keys").description("add, list, test, rotate and delete provider keys");

  withOwner(keys.command("add").description("store a key; the secret comes from a prompt or standard input, never from an argument"), { system: true })
    .addOption(providerOption().makeOptionMandatory())
    .option("--alias <text>", "a name for people")
    .addOption(environmentOption())
    .addOption(new Option("--validate <when>", "when the provider is asked about the key").choices(["now", "background", "skip"]))
    .option("--shared", "members of the organization may use it")
    .addOption(jsonOption())
    .addHelpText("after", "\nStandard input: one line, or a JSON object where a provider has several fields.\n  printf %s \"$KEY\" | byok keys add --provider openai --user u_1")
    .action((options: AddOptions) => addKey(io, options));

  withOwner(keys.command("list").description("list an owner's keys, masked"), { system: true })
    .addOption(providerOption())
    .addOption(environmentOption())
    .addOption(new Option("--status <status>", "only these").choices(keyStatuses))
    .addOption(jsonOption())
    .action((options: ListOptions) => listKeys(io, options));

  keys
    .command("test <keyId>")
    .description("ask the provider whether a key works, and keep the answer")
    .addOption(jsonOption())
    .action((keyId: string, options: Json) => testKey(io, keyId, options));

  keys
    .command("rotate <keyId>")
    .description("give a key a new secret, in one step; it comes from a prompt or standard input, never from an argument")
    .addOption(new Option("--grace <duration>", "how long the old secret stays the last resort, such as 1h; 24h where it is left out").argParser(duration).conflicts("compromised"))
    .option("--compromised", "destroy the old secret at once")
    .addOption(new Option("--validate <when>", "when the provider is asked about the new secret").choices(["now", "background", "skip"]))
    .addOption(jsonOption())
    .action((keyId: string, options: RotateKeyOptions) => rotateKey(io, keyId, options));

  keys
    .command("disable <keyId>")
    .description("stop using a key, everywhere, within a second")
    .addOption(jsonOption())
    .action((keyId: string, options: Json) => disableKey(io, keyId, options));

  keys
    .command("delete <keyId>")
    .description("destroy a key's ciphertext; its usage and audit trail stay")
    .addOption(jsonOption())
    .action((keyId: string, options: Json) => deleteKey(io, keyId, options));

  withOwner(keys.command("explain").description("every key that a call would look at, in order, and why it would or would not be taken"), { system: true })
    .addOption(providerOption().makeOptionMandatory())
    .addOption(environmentOption())
    .option("--model <name>", "for a call with this model")
    .addOption(jsonOption())
    .action((options: ExplainOptions) => explainKeys(io, options));
}

async function rotateKey(io: Io, keyId: string, options: RotateKeyOptions): Promise<void> {
  const settings = toolSettings(io.env);
  const secret = await readSecret("The new secret", io);
  const record = await withManager(io, settings, async (manager) => {
    const { provider } = await manager.getKey(keyId);
    const keyData = readKeyData(provider, secret) as NonNullable<AddKey["keyData"]>;
    const graceMs = options.compromised ? 0 : options.grace;
    return manager.rotateKey(keyId, keyData, { ...(graceMs !== undefined && { graceMs }), ...(options.validate !== undefined && { validate: options.validate }) });
  });
  if (options.json) writeJson(io, record);
  else writeLines(io, [`Rotated ${record.id} to version ${record.version} (${record.provider}, ${record.status}).`]);
}

async function disableKey(io: Io, keyId: string, options: Json): Promise<void> {
  const record = await withManager(io, toolSettings(io.env), (manager) => manager.updateKey(keyId, { status: "disabled" }));
  if (options.json) writeJson(io, record);
  else writeLines(io, [`Disabled ${record.id}.`]);
}

async function deleteKey(io: Io, keyId: string, options: Json): Promise<void> {
  await withManager(io, toolSettings(io.env), (manager) => manager.deleteKey(keyId));
  if (options.json) writeJson(io, { keyId, deleted: true });
  else writeLines(io, [`Deleted ${keyId}. Backups made before hold its ciphertext until they expire.`]);
}

async function explainKeys(io: Io, options: ExplainOptions): Promise<void> {
  const owner = ownerOf(options);
  const use = { ...(options.environment && { environment: options.environment }), ...(options.model !== undefined && { model: options.model }) };
  const items = await withManager(io, toolSettings(io.env), (manager) => manager.explain(owner, options.provider, use));
  if (options.json) return writeJson(io, { items });
  const rows = items.map((one) => [one.keyId, one.source, one.alias, one.usable ? "yes" : "no", one.reason, one.until?.toISOString() ?? null]);
  writeLines(io, items.length === 0 ? ["No keys."] : table(io, ["ID", "SOURCE", "ALIAS", "USABLE", "REASON", "UNTIL"], rows));
}

async function addKey(io: Io, options: AddOptions): Promise<void> {
  const owner = ownerOf(options);
  const settings = toolSettings(io.env);
  const keyData = readKeyData(options.provider, await readSecret(`The ${options.provider} secret`, io));
  const record = await withManager(io, settings, (manager) =>
    // The provider's own schema checks what was read, field by field.
    manager.addKey({
      ...owner,
      provider: options.provider,
      keyData: keyData as NonNullable<AddKey["keyData"]>,
      ...(options.alias !== undefined && { alias: options.alias }),
      ...(options.environment !== undefined && { environment: options.environment }),
      ...(options.validate !== undefined && { validate: options.validate }),
      ...(options.shared && { sharedAccess: true }),
    }),
  );
  if (options.json) writeJson(io, record);
  else writeLines(io, [`Stored ${record.id} (${record.provider}, ${record.environment}, ${record.status}).`]);
}

async function listKeys(io: Io, options: ListOptions): Promise<void> {
  const owner = ownerOf(options);
  const filter = {
    ...(options.provider && { provider: options.provider }),
    ...(options.environment && { environment: options.environment }),
    ...(options.status && { status: options.status }),
  };
  const items = await withManager(io, toolSettings(io.env), async (manager) => {
    const found: KeyRecord[] = [];
    let cursor: string | null | undefined;
    do {
      const page = await manager.listKeys(owner, { ...filter, ...(cursor && { cursor }), limit: 200 });
      found.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor);
    return found;
  });
  if (options.json) return writeJson(io, { items });
  const rows = items.map((key) => [key.id, key.provider, key.environment, key.status, key.alias, key.hint && `…${key.hint}`, key.createdAt.toISOString().slice(0, 10)]);
  writeLines(io, items.length === 0 ? ["No keys."] : table(io, ["ID", "PROVIDER", "ENVIRONMENT", "STATUS", "ALIAS", "HINT", "ADDED"], rows));
}

async function testKey(io: Io, keyId: string, options: Json): Promise<void> {
  const { valid, record } = await withManager(io, toolSettings(io.env), async (manager) => ({
    valid: await manager.testKey(keyId),
    record: await manager.getKey(keyId),
  }));
  if (options.json) writeJson(io, { keyId, valid, status: record.status, statusReason: record.statusReason });
  else writeLines(io, [`${keyId}: ${valid ? "the provider takes it" : "the provider refuses it"} (${record.status}).`]);
  if (!valid) io.exitCode = exitCodes.KEY_VALIDATION;
}
