// Judges imports by the rooms. A finding is a sentence that says what to do, since whoever meets it has never heard of the rule.
import path from "node:path";
import { mayImportPg, mayReadEnvironment, rooms, type Room } from "./rooms.ts";
import type { Import, SourceFile } from "./sources.ts";

/** Every import that goes up or sideways, and every other rule about who may use what. */
export function findings(sources: readonly SourceFile[]): string[] {
  return sources.flatMap((source) => [
    ...source.imports.flatMap((one) => judgeImport(one).map((text) => `${one.file}:${one.line} ${text}`)),
    ...judgeEnvironment(source),
  ]);
}

/** `crypto <- providers`: the edges between rooms that the sources draw at run time, each once, tests left out. */
export function edges(sources: readonly SourceFile[]): string[] {
  const found = new Set<string>();
  for (const one of sources.flatMap((source) => source.imports)) {
    const from = roomOf(one.file);
    const to = rooms.find((room) => room.packageName === packageOf(one.specifier));
    if (from && to && from !== to && !one.typeOnly && !isTest(one.file)) found.add(`${to.folder} <- ${from.folder}`);
  }
  return [...found].toSorted();
}

function judgeImport(one: Import): string[] {
  const room = roomOf(one.file);
  if (!room) return [];
  if (one.specifier.startsWith(".")) return judgeRelative(one, room);
  const texts: string[] = [];
  const name = packageOf(one.specifier);
  if (name === "pg" && !one.typeOnly && !mayImportPg.includes(room.folder) && !isTest(one.file)) {
    texts.push("imports pg. Only packages/db talks to PostgreSQL; ask it for what you need.");
  }
  if (one.star) texts.push(`has \`export *\` from ${one.specifier}. List what is exported by name.`);
  const target = rooms.find((each) => each.packageName === name);
  if (target && target !== room && !isAllowed(one, room, target)) {
    texts.push(`imports ${name}, but imports point down (tooling/imports/rooms.ts): ${room.folder} may import ${listOf(room)}.`);
  }
  if (target === room && !one.file.endsWith(".test.ts")) texts.push("imports its own package by name. Use the relative path.");
  return texts;
}

function judgeRelative(one: Import, room: Room): string[] {
  const texts: string[] = [];
  const target = path.posix.join(path.posix.dirname(one.file), one.specifier);
  if (!target.startsWith(`${room.folder}/`)) {
    const other = roomOf(target);
    const reach = other ? `into ${other.folder}. Import ${other.packageName} by name` : "out of its package. Move what is shared";
    // Tests through the front door stand beside no package; the tools that they share are theirs.
    if (!(room.folder === "tests" && other?.folder === "tooling")) texts.push(`reaches ${reach}.`);
  }
  if (one.star) texts.push(`has \`export *\` from ${one.specifier}. List what is exported by name.`);
  return texts;
}

function isAllowed(one: Import, room: Room, target: Room): boolean {
  if (room.mayImport.includes(target.packageName)) return true;
  if (one.typeOnly && room.typesOf?.includes(target.packageName)) return true;
  if (isTest(one.file) && (room.testsMayImport?.includes(target.packageName) || room.typesOf?.includes(target.packageName))) return true;
  return room.exceptions?.[one.file]?.includes(target.packageName) ?? false;
}

function judgeEnvironment(source: SourceFile): string[] {
  if (isTest(source.file) || mayReadEnvironment.some((place) => place.test(source.file))) return [];
  return source.environmentReads.map(
    (line) => `${source.file}:${line} reads the environment. Only the apps do; take the value as an argument.`,
  );
}

function roomOf(file: string): Room | undefined {
  return rooms.find((room) => file.startsWith(`${room.folder}/`));
}

/** Tests, and what only tests use. */
function isTest(file: string): boolean {
  return /\.(test|fixture)\.tsx?$/.test(file) || /(^|\/)testing(\/|-)/.test(file) || file.startsWith("tests/");
}

/** `@scope/name` of `@scope/name/sub/path`. */
function packageOf(specifier: string): string {
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

function listOf(room: Room): string {
  const types = (room.typesOf ?? []).map((name) => `types of ${name}`);
  return [...room.mayImport, ...types].join(", ") || "nothing of ours";
}
