// Brings Node 24 and pnpm where a machine lacks them, installs the workspace, and runs one task.
// Plain JavaScript for Node 18 and newer: it runs before anything of ours can. Nothing outside the checkout is changed.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../..");
const cache = path.join(root, ".toolchain");
const began = Date.now();

const say = (text) => process.stderr.write(`byok: ${text} (${((Date.now() - began) / 1000).toFixed(1)} s)\n`);

function stop(text) {
  process.stderr.write(`byok: ${text}\n`);
  process.exit(1);
}

function call(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: ["ignore", 2, 2], ...options });
  if (result.error) stop(`${command} could not be started: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** Installs a pinned lock with npm into .toolchain, once for each version of the lock; two at once are safe. */
function fetchPinned(name, what) {
  const from = path.join(here, name);
  const lock = readFileSync(path.join(from, "package-lock.json"));
  const to = path.join(cache, `${name}-${createHash("sha256").update(lock).digest("hex").slice(0, 12)}`);
  if (!existsSync(to)) {
    say(`fetching ${what}`);
    mkdirSync(cache, { recursive: true });
    const temporary = mkdtempSync(path.join(cache, ".tmp-"));
    cpSync(from, temporary, { recursive: true });
    const npmCli = process.env.npm_execpath?.endsWith("npm-cli.js") ? process.env.npm_execpath : undefined;
    const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    if (npmCli) call(process.execPath, [npmCli, ...args], { cwd: temporary });
    else call("npm", args, { cwd: temporary, shell: process.platform === "win32" });
    try {
      renameSync(temporary, to);
    } catch (error) {
      if (!existsSync(to)) throw error;
      rmSync(temporary, { recursive: true, force: true }); // Another run was first; its copy is the same.
    }
  }
  return path.join(to, "node_modules");
}

function binFolder(modules, isOurs, executable) {
  for (const entry of readdirSync(modules, { recursive: true })) {
    const file = path.join(modules, entry);
    if (path.basename(entry) === executable && isOurs(entry)) return path.dirname(file);
  }
  return stop(`no ${executable} for ${process.platform}-${process.arch} could be had; install Node 24 or newer and try again`);
}

const exe = (name) => (process.platform === "win32" ? `${name}.exe` : name);

function nodeFolder() {
  if (Number(process.versions.node.split(".")[0]) >= 24) return path.dirname(process.execPath);
  const modules = fetchPinned("node", "Node 24");
  return binFolder(modules, (entry) => entry.startsWith("node-"), exe("node"));
}

function pnpmFolder() {
  const modules = fetchPinned("pnpm", "pnpm");
  return binFolder(modules, (entry) => /^@pnpm[\\/]exe\./.test(entry), exe("pnpm"));
}

function environment(nodeBin, pnpmBin) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  const pathName = Object.keys(env).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  env[pathName] = [nodeBin, pnpmBin, path.join(root, "node_modules", ".bin"), env[pathName]].join(path.delimiter);
  env.TURBO_TELEMETRY_DISABLED = "1";
  env.DO_NOT_TRACK = "1";
  env.BOOTSTRAP_BEGAN = String(began); // `npm start` says how long it took in all.
  env.NODE_OPTIONS = `${env.NODE_OPTIONS ?? ""} --conditions=byok-source`.trim();
  return env;
}

function install(env, nodeBin) {
  const stamp = path.join(root, "node_modules", ".byok-lock");
  const version = spawnSync(path.join(nodeBin, exe("node")), ["--version"], { encoding: "utf8" }).stdout;
  const wanted = createHash("sha256").update(readFileSync(path.join(root, "pnpm-lock.yaml"))).update(version).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  say("installing packages");
  // The lock was checked against the age of its releases when it was made, and holds a hash of every package: asking the
  // registry again takes as long as the install. A slow network is no reason for warnings either.
  const quiet = ["--config.fetch-min-speed-ki-bps=0", "--config.fetch-warn-timeout-ms=600000"];
  call(exe("pnpm"), ["install", "--frozen-lockfile", "--trust-lockfile", "--reporter=append-only", ...quiet], { cwd: root, env });
  writeFileSync(stamp, wanted);
}

const tasks = {
  start: ["node", "tooling/dev/start.ts"],
  test: ["node", "tooling/vitest/run.ts"],
  build: ["turbo", "run", "build", "--output-logs=errors-only"],
  check: ["node", "tooling/check/run.ts"],
  bench: ["node", "tooling/bench/run.ts"],
};

const [task, ...rest] = process.argv.slice(2);
const command = task in tasks ? tasks[task] : [task];
if (!command[0]) stop(`say what to run: ${Object.keys(tasks).join(", ")}, or a command of the workspace`);

const nodeBin = nodeFolder();
const env = environment(nodeBin, pnpmFolder());
// Whoever calls pnpm mends what a frozen install would stop at.
if (command[0] !== "pnpm") install(env, nodeBin);
if (task === "start") {
  env.NODE_COMPILE_CACHE = path.join(cache, "compiled"); // The second start loads its code in half the time.
  say("starting");
}
const child = spawn(command[0], [...command.slice(1), ...rest], { cwd: root, env, stdio: "inherit", shell: process.platform === "win32" });
// The child gets a Ctrl-C from the terminal itself; this process waits for it to stop in order.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => { if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal); });
child.on("error", (error) => stop(`${command[0]} could not be started: ${error.message}`));
child.on("exit", (code, signal) => process.exit(code ?? (signal ? 130 : 1)));
