// The project's documents, and what can be checked in them: snippets of TypeScript and links to files.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";

export const root = path.resolve(import.meta.dirname, "../..");

export interface Snippet {
  /** From the root of the checkout. */
  readonly file: string;
  /** Of its first line of code. */
  readonly line: number;
  readonly code: string;
}

export interface Link {
  readonly file: string;
  readonly line: number;
  readonly target: string;
}

export interface Document {
  readonly file: string;
  readonly text: string;
}

/** README, CONTRIBUTING and their like, everything below docs, and the packages' own. */
export function readDocuments(): Document[] {
  return globSync(["*.md", "docs/**/*.md", "{packages,apps}/*/*.md", "tooling/*/*.md"], { cwd: root })
    .map((file) => file.replaceAll(path.sep, "/"))
    .toSorted()
    .map((file) => ({ file, text: readFileSync(path.join(root, file), "utf8").replaceAll("\r\n", "\n") }));
}

/** The fenced blocks marked `ts` or `typescript`. All of them are code that runs; what is no code is not marked so. */
export function snippetsIn({ file, text }: Document): Snippet[] {
  return [...text.matchAll(/^```(?:ts|typescript)\n([\s\S]*?)^```$/gm)].map((match) => ({
    file,
    line: lineAt(text, match.index) + 1,
    code: match[1] ?? "",
  }));
}

/** Links and images that lead to files of ours or to headings; addresses are left out, and so is what stands in code. */
export function linksIn({ file, text }: Document): Link[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, blank).replaceAll(/`[^`\n]*`/g, blank);
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => ({ file, line: lineAt(text, match.index), target: match[1] ?? "" }))
    .filter(({ target }) => !/^(https?|mailto):/.test(target));
}

/** The anchors that a document's headings make, as GitHub makes them. */
export function anchorsIn(text: string): string[] {
  return [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-"),
  );
}

/** As many characters and lines, and nothing in them. */
function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, " ");
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
