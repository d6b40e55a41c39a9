/** `byok audit`: proves the trail, writes anchors of it, and follows it for a log collector. */
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { InvalidArgumentError, Option, type Command } from "commander";
import { ConfigurationError } from "@stack-2025/byok-crypto";
import { coreOf, eventsSince, exportAnchor, inWords, positionNow, readAnchors, verifyTrails } from "@stack-2025/byok-core/internal";
import { toolSettings, withManager } from "./installation.ts";
import { printable, writeJson, writeLines, type Io } from "./io.ts";
import { jsonOption, optionalOwner, withOwner, type OwnerOptions } from "./options.ts";

interface Json {
  json?: true;
}
type VerifyOptions = Json & OwnerOptions & { anchor?: string };
type TailOptions = Json & { after?: string; once?: true };

export function addAuditCommands(program: Command, io: Io): void {
  const audit = program.command("audit").description("prove, anchor and follow the audit trail");

  withOwner(audit.command("verify").description("prove that no event was changed, moved or taken away, and that what is stored is what events say"), { system: true })
    .option("--anchor <file>", "also hold it against anchors: lines of `byok audit anchor`, or a worker's log")
    .addOption(jsonOption())
    .addHelpText("after", "\nWithout --user, --org and --system: of every owner. The shell is told 1 where anything is wrong.")
    .action((options: VerifyOptions) => verify(io, options));

  audit
    .command("anchor")
    .description("write signed heads of every owner's trail, as lines of JSON; keep them where the database's writers cannot reach")
    .addOption(jsonOption())
    .action(() => anchor(io));

  audit
    .command("tail")
    .description("write events as lines of JSON as they come, until it is told to stop; people are named by ids of byok's")
    .addOption(new Option("--after <position>", "go on from an event's position; 0 begins with the first event").argParser(position))
    .option("--once", "write what there is, and end")
    .addOption(jsonOption())
    .action((options: TailOptions) => tail(io, options));
}

function position(text: string): string {
  if (!/^\d{1,20}$/.test(text)) throw new InvalidArgumentError("It is the position of an event, a number.");
  return text;
}

async function verify(io: Io, options: VerifyOptions): Promise<void> {
  const owner = optionalOwner(options) ?? (options.system ? { system: true as const } : undefined);
  const file = options.anchor === undefined ? undefined : readAnchorFile(options.anchor);
  const report = await withManager(io, toolSettings(io.env), async (manager) => {
    const core = await coreOf(manager);
    return verifyTrails(core, { ownerId: owner && core.ownerRef(owner).id, ...(file !== undefined && { anchors: readAnchors(core, file) }) });
  });
  const unknown = file === undefined ? "Without an anchor nobody can tell whether the newest events of a trail were cut off whole: give one with --anchor." : null;
  if (!report.ok) io.exitCode = 1;
  if (options.json) return writeJson(io, { ...report, anchored: file !== undefined, unknown });
  const counted = `${report.events} events of ${report.owners} owners`;
  writeLines(io, report.ok ? [`${counted} prove themselves.`] : [`${counted} prove themselves, and these do not:`, ...report.faults.map((one) => `  ${printable(inWords(one))}`)]);
  if (unknown !== null) writeLines(io, [unknown]);
}

/** @throws ConfigurationError it cannot be read */
export function readAnchorFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new ConfigurationError(`The file of --anchor cannot be read (${code}).`, { details: { setting: "--anchor" } });
  }
}

async function anchor(io: Io): Promise<void> {
  await withManager(io, toolSettings(io.env), async (manager) => {
    for await (const line of exportAnchor(await coreOf(manager))) writeLines(io, [JSON.stringify(line)]);
  });
}

const lookAgainMs = 1_000;

async function tail(io: Io, { after, once }: TailOptions): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once("SIGTERM", stop).once("SIGINT", stop);
  try {
    await withManager(io, toolSettings(io.env), async (manager) => {
      const core = await coreOf(manager);
      let from = after ?? (once ? "0" : await positionNow(core));
      while (!stopping.signal.aborted) {
        const events = eventsSince(core, from);
        let next = await events.next();
        for (; !next.done; next = await events.next()) writeLines(io, [JSON.stringify(next.value)]);
        from = next.value;
        if (once) return;
        await pause(lookAgainMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    });
  } finally {
    process.off("SIGTERM", stop).off("SIGINT", stop);
  }
}
