/**
 * S-84: an argument is seen by every process of the machine and stays in the shell's history, so one that looks like a
 * secret is refused before anything else is looked at. It errs towards refusing; an alias can be written another way.
 */

/** How well-known secrets begin, or what can be nothing else. */
const unmistakable = [
  /^sk[-_]/i,
  /^byok_/i,
  /^(?:AIza|ya29\.|ghp_|gho_|github_pat_|xox[a-z]-|KEY01)/,
  /^eyJ[\w-]+\.[\w-]+\./,
  /^(?:base64|hex):/i,
  /^bearer\b/i,
  /-----BEGIN/,
  /^\s*\{.*"/s,
  /^[a-z][a-z0-9+.-]*:\/\/[^/@]*:[^/@]+@/i,
];

/** Ids that byok makes are no secrets: `key_…`, `tok_…`. */
const ownId = /^(?:key|tok|req|aud)_[0-9a-f]+$/;

/** Options whose values are ids of other systems, which may be long and random without being secret. */
const idOptions = new Set(["--user", "--org"]);

/** The position, from 1, of the first argument that looks like a secret; undefined where none does. */
export function secretArgumentAt(args: readonly string[]): number | undefined {
  const index = args.findIndex((argument, at) => {
    const [, option, value] = /^(--?[a-z-]+)=(.*)$/s.exec(argument) ?? [];
    const isId = idOptions.has(option ?? args[at - 1] ?? "");
    return looksSecret(value ?? argument, isId);
  });
  return index === -1 ? undefined : index + 1;
}

function looksSecret(text: string, isId: boolean): boolean {
  if (unmistakable.some((pattern) => pattern.test(text))) return true;
  return !isId && !ownId.test(text) && isLongAndRandom(text);
}

/** Words and dates change between letters and digits now and then; random text does so all the time. */
function isLongAndRandom(text: string): boolean {
  // Without slash and dot: paths, hosts and model names are made of those and are read part by part.
  return (text.match(/[A-Za-z0-9+=_]{20,}/g) ?? []).some((run) => {
    const changes = run.match(/[A-Za-z](?=\d)|\d(?=[A-Za-z])/g)?.length ?? 0;
    const cases = run.match(/[a-z](?=[A-Z])|[A-Z]{2}(?=[a-z])/g)?.length ?? 0;
    return changes >= 4 || (run.length >= 32 && changes + cases >= 7) || /^[0-9a-f]{32,}$/i.test(run);
  });
}
