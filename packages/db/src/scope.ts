/**
 * What one transaction may touch, as settings that end with it. Role and owners travel in one statement, before any
 * statement that reads under them: a setting made in the reading statement itself has shown another tenant's row.
 */
import { InvalidInputError } from "@stack-2025/byok-crypto";

/** Whose rows a transaction may touch, and what its caller presented (a key id, a token id) to be looked up by. */
export interface TenantScope {
  owners: readonly string[];
  lookup?: { keyId?: string; tokenId?: string };
}

/** The roles of one installation. They are cluster-wide, hence the installation id in their names. */
export interface Roles {
  /** Owns the tables; never logs in. Row security is forced on it, so it sees no tenant's row. */
  schema: string;
  /** Tenants' transactions. */
  app: string;
  /** Sweeps: sees ids and due times alone. */
  operator: string;
  /** Owns the job tables and runs the job queue. */
  worker: string;
}

export function rolesOf(installationId: string): Roles {
  return {
    schema: `byok_schema_${installationId}`,
    app: `byok_app_${installationId}`,
    operator: `byok_operator_${installationId}`,
    worker: `byok_worker_${installationId}`,
  };
}

export type Settings = readonly (readonly [name: string, value: string])[];

// A statement ends before the client gives up on it (connections.ts), a wait for a lock before the statement does.
const timeouts: Settings = [
  ["statement_timeout", "15000"],
  ["lock_timeout", "5000"],
  ["idle_in_transaction_session_timeout", "20000"],
];

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A group commit's batch is the widest scope there is. */
const mostOwners = 1000;

/** The uuid[] literal that the policies read. @throws InvalidInputError for what is no owner id, or too many of them */
export function ownersLiteral(owners: readonly string[]): string {
  if (owners.length > mostOwners) throw new InvalidInputError(`scope.owners has ${owners.length} owners; at most ${mostOwners} fit in one transaction`);
  if (!owners.every((owner) => uuid.test(owner))) throw new InvalidInputError("scope.owners must be owner ids: lower-case UUIDs");
  return `{${owners.join(",")}}`;
}

function settingsOf(role: string, owners: string, lookup: TenantScope["lookup"] = {}): Settings {
  return [
    ["role", role],
    ["byok.owners", owners],
    ["byok.lookup_key", lookup.keyId ?? ""],
    ["byok.lookup_token", lookup.tokenId ?? ""],
    ["search_path", "byok, pg_temp"],
    ...timeouts,
  ];
}

export const tenantSettings = (roles: Roles, scope: TenantScope): Settings =>
  settingsOf(roles.app, ownersLiteral(scope.owners), scope.lookup);
export const operatorSettings = (roles: Roles): Settings => settingsOf(roles.operator, "");
export const schemaSettings = (roles: Roles): Settings => settingsOf(roles.schema, "");

/** `select set_config($1, $2, true), …` with its values. */
export function settingStatement(settings: Settings): { text: string; values: string[] } {
  const calls = settings.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`);
  return { text: `select ${calls.join(", ")}`, values: settings.flat() };
}
