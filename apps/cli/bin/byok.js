#!/usr/bin/env node
// Runs the built command. In a checkout on a machine whose own Node is older than 24, the checkout's Node runs it.
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const built = path.join(here, "..", "dist", "byok.js");

if (!existsSync(built)) {
  process.stderr.write("byok: the command is not built yet. Run `npm run build` in the checkout, then try again.\n");
  process.exit(1);
}
if (Number(process.versions.node.split(".")[0]) >= 24) {
  await import("../dist/byok.js");
} else {
  const node = checkoutNode(path.join(here, "..", "..", "..", ".toolchain"));
  if (!node) {
    process.stderr.write(`byok: this needs Node 24 or newer; this is Node ${process.versions.node}.\n`);
    process.exit(1);
  }
  const child = spawn(node, [built, ...process.argv.slice(2)], { stdio: "inherit" });
  // A Ctrl-C reaches the child from the terminal itself; what is sent to this process alone is passed on.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}

function checkoutNode(toolchain) {
  const name = process.platform === "win32" ? "node.exe" : "node";
  const folders = existsSync(toolchain) ? readdirSync(toolchain).filter((one) => one.startsWith("node-")) : [];
  for (const folder of folders) {
    const modules = path.join(toolchain, folder, "node_modules");
    for (const one of existsSync(modules) ? readdirSync(modules) : []) {
      const file = path.join(modules, one, "bin", name);
      if (one.startsWith("node-") && existsSync(file)) return file;
    }
  }
  return undefined;
}
