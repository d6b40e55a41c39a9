/** The command's words: what exists, what it takes, what it says when something else is asked for. */
import { Command, CommanderError } from "commander";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import { settingSentences } from "@stack-2025/byok-core/internal";
import { addDoctorCommand } from "./doctor.ts";
import { exitCodeHelp, exitCodeOf, usageExit } from "./exit-codes.ts";
import { writeError, type Io } from "./io.ts";
import { addKeysCommands } from "./keys.ts";
import { addMigrateCommand } from "./migrate.ts";
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
    if (error instanceof CommanderError) return exitOfUsage(error, io, json);
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
    .showSuggestionAfterError(true)
    .showHelpAfterError("(byok --help says what there is)");
  program
    .command("serve")
    .description("serve the API and the proxy until it is told to stop")
    .action(async () => (await import("./serve.ts")).serve(io));
  program
    .command("worker")
    .description("run the background jobs until it is told to stop")
    .action(async () => (await import("./serve.ts")).work(io));
  addMigrateCommand(program, io);
  addTokenCommands(program, io);
  addKeysCommands(program, io);
  addDoctorCommand(program, io);
  program
    .command("settings")
    .description("say what can be set in the environment")
    .action(() => {
      for (const { name, sentence } of settingSentences) io.stdout.write(`${name}\n    ${sentence}\n`);
    });
  program.addHelpText("after", exitCodeHelp);
  for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)]) {
    command.exitOverride().configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: () => {}, outputError: () => {} });
  }
  return program;
}

/** Help that was asked for is no error. Everything else of commander's is a fault of the command line. */
function exitOfUsage(error: CommanderError, io: Io, json: boolean): number {
  if (error.code === "commander.helpDisplayed" || error.code === "commander.version") return 0;
  const message = error.message.replace(/^error: /, "");
  writeError(io, new InvalidInputError(message), json);
  return usageExit;
}
