import { chmodSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigurationError } from "@stack-2025/byok-crypto";
import { createPrivateFile, folderMode, prepareDataFolder, readPrivateFile, replacePrivateFile } from "./data-folder.ts";
import { makeRootKey, storedRootKey } from "./root-key.ts";

let place: string;
beforeEach(() => {
  place = mkdtempSync(path.join(tmpdir(), "byok-folder-"));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const modeOf = (file: string): number => lstatSync(file).mode & 0o777;

describe("S-85 the data folder is for its user alone", () => {
  test("it is made with narrow rights, its parents with ordinary ones", () => {
    const folder = prepareDataFolder(path.join(place, "var", "byok"));
    expect(modeOf(folder)).toBe(folderMode());
    expect(prepareDataFolder(folder)).toBe(folder);
  });

  test("one that is open to others is refused, and the message has the command that mends it", () => {
    mkdirSync(path.join(place, "open"));
    chmodSync(path.join(place, "open"), 0o755);
    expect(() => prepareDataFolder(path.join(place, "open"))).toThrow(/mode 755.*chmod 7/);
  });

  test("a link and a file are refused", () => {
    mkdirSync(path.join(place, "real"), { mode: 0o700 });
    symlinkSync(path.join(place, "real"), path.join(place, "link"));
    writeFileSync(path.join(place, "file"), "");
    expect(() => prepareDataFolder(path.join(place, "link"))).toThrow(ConfigurationError);
    expect(() => prepareDataFolder(path.join(place, "file"))).toThrow(/is no folder/);
  });
});

describe("S-85 secret files are made new, 0600, and refused where others could have had a hand in them", () => {
  const file = (): string => path.join(place, "root.key");

  test("whatever the umask says, nobody else may read them", () => {
    createPrivateFile(file(), "x");
    expect(modeOf(file())).toBe(0o600);
    expect(readPrivateFile(file())).toBe("x");
  });

  test("a link that was planted is neither followed nor replaced", () => {
    const target = path.join(place, "target");
    symlinkSync(target, file());
    expect(() => createPrivateFile(file(), "x")).toThrow(/EEXIST/);
    expect(() => readPrivateFile(file())).toThrow(/is a link/);
    expect(() => replacePrivateFile(file(), "x")).toThrow(/is a link/);
    expect(() => makeRootKey(place)).toThrow(/is a link/);
    expect(() => readFileSync(target)).toThrow(/ENOENT/);
  });

  test("a second name of a file and a folder in its place are refused", () => {
    writeFileSync(path.join(place, "other"), "x", { mode: 0o600 });
    linkSync(path.join(place, "other"), file());
    expect(() => readPrivateFile(file())).toThrow(/no plain file/);
    rmSync(file());
    mkdirSync(file());
    expect(() => readPrivateFile(file())).toThrow(/no plain file/);
  });

  test("one that others may read is refused, and the message has the command that mends it", () => {
    writeFileSync(file(), "x");
    chmodSync(file(), 0o640);
    expect(() => readPrivateFile(file())).toThrow(/mode 640.*chmod 600/);
  });

  test("a new file takes an old one's place whole", () => {
    createPrivateFile(file(), "old");
    replacePrivateFile(file(), "new");
    expect(readPrivateFile(file())).toBe("new");
    expect(modeOf(file())).toBe(0o600);
  });

  test("the root key is made once and stays", () => {
    expect(storedRootKey(place)).toBeUndefined();
    const key = makeRootKey(place).reveal();
    expect(key).toMatch(/^base64:[A-Za-z0-9+/]{43}=$/);
    expect(makeRootKey(place).reveal()).toBe(key);
    expect(storedRootKey(place)?.reveal()).toBe(key);
  });

  test("a root key that was cut is refused rather than used", () => {
    createPrivateFile(file(), "base64:c2hvcnQ=\n");
    expect(() => storedRootKey(place)).toThrow(/has 5 bytes, not 32/);
  });
});
