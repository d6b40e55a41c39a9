/**
 * For tests: an HSM in software, SoftHSM, and the package that speaks to it. The package is compiled by its users and is installed
 * here without that, so it is compiled once, into a cache; SoftHSM is taken from where Debian and others install it, or from
 * TEST_SOFTHSM, and on CI from Debian's archive, unpacked into the same cache. Where either cannot be had, it is said why.
 */
import { execFile } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import type { Handle, PKCS11 } from "pkcs11js";
import type { Pkcs11Package } from "./pkcs11-token.ts";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const cache = path.resolve(import.meta.dirname, "../../../node_modules/.cache/byok-pkcs11");
/** To compile, or to fetch: with all of it a test still says why it is skipped, and does not run out of time. */
const limitMs = 120_000;
const installed = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/*/softhsm/libsofthsm2.so",
  "/usr/lib64/pkcs11/libsofthsm2.so",
  "/usr/local/lib/softhsm/libsofthsm2.so",
  "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

export interface SoftHsm extends Disposable {
  pkcs11js: Pkcs11Package;
  /** Path of the module. */
  module: string;
  userPin: string;
  /** A fresh token with a user's PIN. Returns the id of its slot. */
  addToken(label: string): number;
  /** An AES-256 key on a token, that never leaves it; `value` only to compare with. */
  addKey(token: string, label: string, value?: Uint8Array): void;
  removeKeys(token: string, label: string): void;
  /** The module, as another part of this process would use it. */
  raw: PKCS11;
  session(token: string): Handle;
  /** What a restart of the token does: nobody is logged in, and no session is known. */
  forgetSessions(token: string): void;
}

/** @returns in words, why there is none */
export async function openSoftHsm(): Promise<SoftHsm | string> {
  const built = await buildPackage();
  if (typeof built === "string") return built;
  const module = await findModule();
  if (!module) return "SoftHSM is not installed (Debian: apt-get install softhsm2; elsewhere set TEST_SOFTHSM to libsofthsm2.so)";
  return start(built.pkcs11js, module);
}

async function buildPackage(): Promise<{ pkcs11js: Pkcs11Package } | string> {
  const source = path.dirname(require.resolve("pkcs11js/package.json"));
  const { version } = require("pkcs11js/package.json") as { version: string };
  const ready = path.join(cache, `pkcs11js-${version}-${process.platform}-${process.arch}-napi${process.versions["napi"]}`);
  if (!existsSync(ready)) {
    const nodeDir = path.dirname(path.dirname(process.execPath));
    const nodeGyp = findNodeGyp();
    if (!existsSync(path.join(nodeDir, "include/node/node_api.h"))) return "pkcs11js cannot be compiled: this Node came without its headers";
    if (!nodeGyp) return "pkcs11js cannot be compiled: there is no npm on the PATH that brings node-gyp";
    mkdirSync(cache, { recursive: true });
    const scratch = mkdtempSync(path.join(cache, ".tmp-"));
    try {
      cpSync(source, scratch, { recursive: true, dereference: true });
      await run(process.execPath, [nodeGyp, "rebuild", `--nodedir=${nodeDir}`], { cwd: scratch, env: { ...process.env, NODE_OPTIONS: "" }, timeout: limitMs });
      if (!existsSync(ready)) renameSync(scratch, ready);
    } catch (error) {
      return `pkcs11js does not compile here: ${lastLine(error)}`;
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  return { pkcs11js: require(ready) as Pkcs11Package };
}

/** Every npm has one. */
function findNodeGyp(): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .map((folder) => path.join(folder, "npm"))
    .filter((file) => existsSync(file))
    .map((file) => path.resolve(realpathSync(file), "../../node_modules/node-gyp/bin/node-gyp.js"))
    .find((file) => existsSync(file));
}

async function findModule(): Promise<string | undefined> {
  const named = process.env["TEST_SOFTHSM"];
  const [found] = [...(named ? [named] : []), ...installed.flatMap((place) => globSync(place))].filter((file) => existsSync(file));
  const unpacked = path.join(cache, "debian");
  if (found) return found;
  if (process.env["CI"] && !existsSync(unpacked)) await unpackDebian(unpacked);
  return globSync(path.join(unpacked, "usr/lib/**/libsofthsm2.so"))[0];
}

/** Debian's package, unpacked beside the system and not into it, so that it needs no rights and changes nothing. */
async function unpackDebian(to: string): Promise<void> {
  const scratch = mkdtempSync(path.join(cache, ".tmp-"));
  try {
    for (const folder of ["state/lists/partial", "cache/archives/partial"]) mkdirSync(path.join(scratch, folder), { recursive: true });
    const options = [`Dir::State=${scratch}/state`, `Dir::Cache=${scratch}/cache`, "Dir::State::status=/var/lib/dpkg/status", "APT::Sandbox::User="];
    const apt = (...words: string[]) => run("apt-get", [...options.flatMap((option) => ["-o", option]), ...words], { cwd: scratch, timeout: limitMs / 2 });
    await apt("update");
    await apt("download", "libsofthsm2");
    const [archive = ""] = globSync(path.join(scratch, "libsofthsm2_*.deb"));
    await run("dpkg-deb", ["-x", archive, path.join(scratch, "unpacked")]);
    if (!existsSync(to)) renameSync(path.join(scratch, "unpacked"), to);
  } catch (error) {
    process.stderr.write(`SoftHSM cannot be had from Debian's archive: ${lastLine(error)}\n`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function start(pkcs11js: Pkcs11Package, module: string): SoftHsm {
  const folder = mkdtempSync(path.join(cache, ".hsm-"));
  mkdirSync(path.join(folder, "tokens"));
  writeFileSync(path.join(folder, "softhsm2.conf"), `directories.tokendir = ${folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n`);
  process.env["SOFTHSM2_CONF"] = path.join(folder, "softhsm2.conf");
  const raw = new pkcs11js.PKCS11();
  raw.load(module);
  raw.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
  const officerPin = "officer-1234";
  const userPin = "canary-pin-5678";
  const slotOf = (label: string) => {
    const slot = raw.C_GetSlotList(true).find((one) => raw.C_GetTokenInfo(one).label.trimEnd() === label);
    if (!slot) throw new Error(`no token ${label}`);
    return slot;
  };
  const session = (token: string) => raw.C_OpenSession(slotOf(token), pkcs11js.CKF_RW_SESSION | pkcs11js.CKF_SERIAL_SESSION);
  /** A login belongs to the process: whoever else was logged in is not any more, as after a restart of the token. */
  const loggedIn = (token: string, work: (open: Handle) => void) => {
    raw.C_CloseAllSessions(slotOf(token));
    const open = session(token);
    try {
      raw.C_Login(open, pkcs11js.CKU_USER, userPin);
      work(open);
    } finally {
      raw.C_CloseAllSessions(slotOf(token));
    }
  };

  return {
    pkcs11js,
    module,
    userPin,
    raw,
    session,
    forgetSessions(token) {
      raw.C_CloseAllSessions(slotOf(token));
    },
    addToken(label) {
      const free = raw.C_GetSlotList(false).at(-1);
      if (!free) throw new Error("no free slot");
      raw.C_InitToken(free, officerPin, label.padEnd(32));
      // SoftHSM numbers a slot anew when its token has been made, and tells it at the next start.
      raw.C_Finalize();
      raw.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
      const open = session(label);
      raw.C_Login(open, pkcs11js.CKU_SO, officerPin);
      raw.C_InitPIN(open, userPin);
      raw.C_CloseAllSessions(slotOf(label));
      return slotOf(label).readUIntLE(0, 6);
    },
    addKey(token, label, value) {
      const key = [
        { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
        { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_AES },
        { type: pkcs11js.CKA_TOKEN, value: true },
        { type: pkcs11js.CKA_PRIVATE, value: true },
        { type: pkcs11js.CKA_LABEL, value: label },
        { type: pkcs11js.CKA_ENCRYPT, value: true },
        { type: pkcs11js.CKA_DECRYPT, value: true },
        { type: pkcs11js.CKA_SENSITIVE, value: true },
        { type: pkcs11js.CKA_EXTRACTABLE, value: false },
      ];
      loggedIn(token, (open) => {
        if (value) raw.C_CreateObject(open, [...key, { type: pkcs11js.CKA_VALUE, value: Buffer.from(value) }]);
        else raw.C_GenerateKey(open, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, [...key, { type: pkcs11js.CKA_VALUE_LEN, value: 32 }]);
      });
    },
    removeKeys(token, label) {
      loggedIn(token, (open) => {
        raw.C_FindObjectsInit(open, [{ type: pkcs11js.CKA_LABEL, value: label }]);
        const found = raw.C_FindObjects(open, 10);
        raw.C_FindObjectsFinal(open);
        for (const key of found) raw.C_DestroyObject(open, key);
      });
    },
    [Symbol.dispose]() {
      raw.C_Finalize();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What a command said at its end. */
function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.split("\n").filter((line) => /error|err!|not found/i.test(line));
  return lines.at(-1)?.trim() ?? "no reason given";
}
