/** docs/permissions.md, made from the tables that the code decides by: what they say and what is documented cannot part. */
import { fileURLToPath } from "node:url";
import { actions, roles, roleTable, scopeTable, tokenScopes, type Action } from "@stack-2025/byok-core/internal";

export const documentFile = fileURLToPath(new URL("../../docs/permissions.md", import.meta.url));

/** What each action lets its holder do. An action without a sentence does not compile. */
const sentences: Record<Action, string> = {
  "keys:read": "see masked records, health, and what a call would use",
  "keys:write": "add, change, test, rotate, roll back, disable and delete keys",
  "keys:use": "call providers through byok",
  "keys:reveal": "be handed a key in plaintext",
  "usage:read": "see usage",
  "usage:write": "report usage",
  "members:read": "see who belongs to an organization",
  "members:write": "say who belongs, up to the own role",
  "tokens:write": "make, list and revoke service tokens",
  "audit:read": "read and prove the audit trail",
  "policy:read": "see an owner's policy",
  "policy:write": "set what an owner sets: own keys only, limits, channels, the age of keys",
  "owner:delete": "delete an owner and everything that it stored",
  system: "reach the operator's own set, suspend owners, and look up leaked secrets",
  "act:any": "name the owner of a call",
};

const cell = (value: string | undefined): string => ({ all: "every key", shared: "shared keys" })[value ?? ""] ?? value ?? "";

export function permissionsDocument(): string {
  const byRole = actions.map((action) => `| \`${action}\` | ${sentences[action]} | ${roles.map((role) => cell(roleTable[role][action])).join(" | ")} |`);
  const byScope = tokenScopes.map((scope) => `| \`${scope}\` | ${scopeTable[scope].map((action) => `\`${action}\``).join(", ")} |`);
  return `# Who may do what

Made by \`node tooling/permissions-doc/write.ts\` from
[access/permissions.ts](../packages/sdk/src/access/permissions.ts), the tables that the code decides by. Nothing is granted by default.

## Roles, within the organization that gave them

| action | lets | ${roles.join(" | ")} |
| --- | --- | ${roles.map(() => "---").join(" | ")} |
${byRole.join("\n")}

A user does all of this with the own keys, but for \`system\` and \`act:any\`. A member uses shared keys through the own account: \`getActiveKey\`
and \`fetchFor\` for the user take them after the user's own. Nobody makes or unmakes what is above the own role; the last owner stays; the
first owner of an organization is made by the bare manager or a service-wide token with \`members:write\` and \`act:any\`.

## Scopes of service tokens

| scope | actions |
| --- | --- |
${byScope.join("\n")}

A token that is bound to an owner acts for that owner alone; one of an organization counts as an admin there. A service-wide token
names the owner of each call with \`act:any\`, and reaches the operator's own set with \`system\`. \`suspended\`, and \`overflow: "system"\`, are the
operator's to set: the bare manager, or a service-wide token with \`system\`.
`;
}
