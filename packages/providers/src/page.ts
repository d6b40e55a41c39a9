/**
 * A provider's page in `docs/providers/`, made from the registry: what the code says of itself cannot drift from it. For
 * the docs and their test alone: nothing that ships imports it.
 */
import { z } from "zod";
import { ownRates } from "./own-rates.ts";
import { text } from "./vendor-json.ts";
import type { Provider } from "./provider.ts";

/** The file's name: the provider's, with dashes. */
export const pageName = (provider: Provider): string => `${provider.type.replaceAll("_", "-")}.md`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`)).join(" | ")} |`).join("\n");

const wrapped = (paragraph: string): string => {
  const lines: string[] = [""];
  for (const word of paragraph.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && `${last} ${word}`.length > 126) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.join("\n");
};

const bullet = (sentence: string): string => `- ${wrapped(sentence).replaceAll("\n", "\n  ")}`;

function fieldTable(provider: Provider): string {
  const schema = z.toJSONSchema(provider.credentials, { io: "input" });
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const { title, description, secret, enum: choices } = typeof field === "object" ? field : {};
    const values = Array.isArray(choices) ? `One of ${choices.map((choice) => `\`${String(choice)}\``).join(", ")}. ` : "";
    return [`\`${name}\``, text(title) ?? "", secret === true ? "yes" : "no", `${values}${text(description) ?? ""}`.trim()];
  });
  return table(["field", "label", "secret", "what it is"], rows);
}

function variableTable(provider: Provider): string {
  const rows = provider.variables.map((one) => [
    `\`${one.name}\``,
    one.field === null ? `not taken: it ${one.note}` : `\`${one.field}\`${one.file ? ", from the file that it names" : ""}`,
  ]);
  return table(["variable", "becomes"], rows);
}

const units: Readonly<Record<string, string>> = { characters: "a million characters", audioSeconds: "a minute", startedMinutes: "each minute begun", segments: "a segment", mediaMessages: "a message", whatsappMessages: "a message" };

function priceSection(provider: Provider): string[] {
  const rows = ownRates.filter((one) => one.provider === provider.type).map(({ name, usd, source, certainty }) => [source, `${usd} USD`, units[name] ?? name, certainty]);
  if (rows.length === 0) return [];
  return [
    "## Prices that we keep ourselves",
    wrapped("List prices of the United States, used until the operator sets their own or the vendor tells the cost. `copied` and `guessed` ones are worth a look before money depends on them."),
    table(["source", "price", "for", "how sure"], rows),
  ];
}

/** The whole page. */
export function pageOf(provider: Provider): string {
  const { help, name } = provider;
  return `${[
    `# ${name}`,
    "<!-- Made from packages/providers by `TEST_WRITE_PAGES=1 npm test -- packages/providers/src/page`. Change it there. -->",
    "## Where the customer finds the key",
    wrapped(`${help.find} The page is <${help.keyUrl}>.`),
    fieldTable(provider),
    "## The least permissions",
    wrapped(help.permissions),
    "## What we check",
    wrapped(help.checked),
    "## What we count",
    wrapped(help.counted),
    "## Known limits",
    help.limits.map(bullet).join("\n"),
    "## How to rotate",
    wrapped(help.rotate),
    ...priceSection(provider),
    "## Variables that are read when an environment is taken over",
    wrapped("Numbered names (`…_2`) and backups (`…_BACKUP`) are further keys of lower priority, with the companions of the same ending or of none."),
    variableTable(provider),
  ].join("\n\n")}\n`;
}

/** The list of pages. */
export function indexPage(providers: readonly Provider[]): string {
  const rows = providers.map((provider) => [`[${provider.name}](${pageName(provider)})`, `\`${provider.type}\``, `<${provider.help.keyUrl}>`]);
  return `# Providers\n\n${wrapped("What each provider needs, how its keys are checked and what is counted. The pages are made from the registry, and the same words stand in the forms.")}\n\n${table(["provider", "name", "keys are made at"], rows)}\n\nTo add one, see [adding a provider](../adding-a-provider.md).\n`;
}
