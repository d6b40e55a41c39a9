/** The command's words: what exists, what it takes, what it says when something else is asked for. */
import { Command, CommanderError } from "commander";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import { settingSentences } from "@stack-2025/byok-core/internal";
import { addAuditCommands } from "./audit.ts";
import { addBackupCommands } from "./backup.ts";
import { addDoctorCommand } from "./doctor.ts";
import { exitCodeHelp, exitCodeOf, usageExit } from "./exit-codes.ts";
import { writeError, writeJson, writeLines, type Io } from "./io.ts";
import { addKeysCommands } from "./keys.ts";
import { addMigrateCommand } from "./migrate.ts";
import { jsonOption } from "./options.ts";
import { secretArgumentAt } from "./secret-argument.ts";
import { addTokenCommands } from "./token.ts";

/** Runs the command that the arguments ask for; resolves with what the shell is told. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const json = args.includes("--json");
  try {
    refuseSecretArguments(args);
    await makeProgram(io).parseAsync(args, { from: "user" });
    return io.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return 0; // Help that was asked for.
    if (error instanceof UsageError) {
      writeUsage(error, io, json);
      return usageExit;
    }
    writeError(io, error, json);
    return exitCodeOf(error);
  }
}

/** S-84: before anything else. @throws InvalidInputError without the argument in it */
function refuseSecretArguments(args: readonly string[]): void {
  const at = secretArgumentAt(args);
  if (at === undefined) return;
  const message =
    `argument ${at} looks like a secret. Every process of this machine can read arguments, and the shell keeps them in its history: ` +
    "take that secret for seen, and rotate it. Secrets are read from a prompt or from standard input; nothing was done.";
  throw new InvalidInputError(message, { issues: [{ path: `argument ${at}`, message: "looks like a secret" }] });
}

function makeProgram(io: Io): Command {
  const program = new Command("byok")
    .description("Keeps the provider API keys that your customers bring: serve, work, migrate, and look after keys and tokens.")
    .showSuggestionAfterError(true);
  program
    .command("serve")
    .description("serve the API and the proxy until it is told to stop; logs are JSON lines")
    .addOption(jsonOption())
    .action(async () => (await import("./serve.ts")).serve(io));
  program
    .command("worker")
    .description("run the background jobs until it is told to stop; logs are JSON lines")
    .addOption(jsonOption())
    .action(async () => (await import("./serve.ts")).work(io));
  addMigrateCommand(program, io);
  addTokenCommands(program, io);
  addKeysCommands(program, io);
  addDoctorCommand(program, io);
  addAuditCommands(program, io);
  addBackupCommands(program, io);
  program
    .command("settings")
    .description("say what can be set in the environment")
    .addOption(jsonOption())
    .action((options: { json?: true }) => {
      if (options.json) writeJson(io, settingSentences);
      else writeLines(io, settingSentences.map(({ name, sentence }) => `${name}\n    ${sentence}`));
    });
  program.addHelpText("after", exitCodeHelp);
  for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)]) {
    command.configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: () => {}, outputError: () => {} });
    command.exitOverride((error) => {
      throw error.exitCode === 0 ? error : new UsageError(error, command);
    });
  }
  return program;
}

/** A fault of the command line, with the command that it was given to. */
class UsageError extends Error {
  readonly code: string;
  readonly command: Command;
  constructor(error: CommanderError, command: Command) {
    super(error.message.replace(/^error: /, ""));
    this.code = error.code;
    this.command = command;
  }
}

/** A group of commands that was called alone shows what it holds; everything else is told what there is instead. */
function writeUsage({ code, message, command }: UsageError, io: Io, json: boolean): void {
  if (code === "commander.help" && !json) {
    io.stderr.write(command.helpInformation());
    return;
  }
  const said = code === "commander.help" ? `${command.name()} needs a command` : message.replace(/\.$/, "").replace("\n", " ");
  const names = /command$/i.test(code) || code === "commander.help" ? command.commands.map((one) => one.name()) : [];
  const options = code === "commander.unknownOption" ? command.options.map((one) => one.long ?? one.short ?? "") : [];
  const there = [...names, ...options];
  writeError(io, new InvalidInputError(`${said}.${there.length > 0 ? ` There are: ${there.join(", ")}.` : ""}`), json);
}
