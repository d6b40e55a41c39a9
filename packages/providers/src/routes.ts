/**
 * A provider's routes as a table of lines, and the look-up in it. A line's pattern is a pathname whose segments in
 * braces stand for any one segment; a last segment `**` stands for all that follows.
 */
import type { Route } from "./provider.ts";

/** What the lines of a table share; a line may overrule it. */
export type RouteKind = Omit<Route, "operation">;

/** Method (`*`: any), pattern, our name of the operation, what it is. */
export type RouteLine = readonly [method: string, pattern: string, operation: string, kind: RouteKind];

/** Answers that are no streams may take ten minutes; the vendors' own SDKs wait as long. */
const firstByteMs = 600_000;

const kind = (routeClass: Route["class"], more: Partial<RouteKind> = {}): RouteKind => ({
  class: routeClass,
  stateful: false,
  acts: false,
  metered: false,
  firstByteMs,
  ...more,
});

/** The kinds that most lines are of. All but inference touch what is kept at the vendor. */
export const kinds = {
  /** Reads nobody's stored state and is paid by use. */
  inference: kind("inference", { metered: true }),
  /** As inference, but free of charge or not measurable from its answer. */
  unmetered: kind("inference"),
  create: kind("create", { stateful: true }),
  /** Makes something and is paid by use at once. */
  meteredCreate: kind("create", { stateful: true, metered: true }),
  read: kind("read", { stateful: true }),
  list: kind("list", { stateful: true }),
  manage: kind("manage", { stateful: true }),
  /** Reads what is the same for everyone: the catalogue of models. */
  catalogue: kind("read"),
  /** Sends a message, starts a call: what a telephony key is for, as inference is what a model's key is for. */
  act: kind("inference", { acts: true, metered: true }),
  /** Changes something that is under way in the world. */
  actOnStored: kind("create", { stateful: true, acts: true }),
} as const;

/** How many wildcards a pattern has: the fewer, the more it knows. */
const vagueness = (pattern: string): number => pattern.split("/").filter((segment) => segment.startsWith("{") || segment === "**").length + (pattern.endsWith("**") ? 100 : 0);

function expression(pattern: string): RegExp {
  const source = pattern
    .split("/")
    .map((segment) => (segment === "**" ? ".+" : segment.replace(/[.*+?^$()|[\]\\]/g, String.raw`\$&`).replace(/\{\w+\}/g, "[^/]+")))
    .join("/");
  return new RegExp(`^${source}$`);
}

/** Makes the look-up of a table. The most exact line wins, whatever the order of the lines. */
export function routeTable(lines: readonly RouteLine[]): (method: string, pathname: string) => Route | null {
  const exact = new Map<string, Route>();
  const patterns: { method: string; matches: RegExp; route: Route; vagueness: number }[] = [];
  for (const [method, pattern, operation, of] of lines) {
    const route: Route = Object.freeze({ operation, ...of });
    if (vagueness(pattern) === 0 && method !== "*") exact.set(`${method} ${pattern}`, route);
    else patterns.push({ method, matches: expression(pattern), route, vagueness: vagueness(pattern) });
  }
  patterns.sort((a, b) => a.vagueness - b.vagueness);
  return (method, pathname) =>
    exact.get(`${method} ${pathname}`) ??
    patterns.find((line) => (line.method === "*" || line.method === method) && line.matches.test(pathname))?.route ??
    null;
}
