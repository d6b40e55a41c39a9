import { RateLimitedError } from "@stack-2025/byok-crypto";
import { z } from "zod";
import { appendAudit } from "../audit/append.ts";
import type { LeakFound } from "../byok.ts";
import type { Core } from "../core.ts";
import { leakFingerprints } from "../keys/fingerprints.ts";
import { ensureOwner, findRow, toKeyRecord } from "../keys/store.ts";
import { leakedSecret, parseInput } from "../schema.ts";
import type { Scope } from "../scope.ts";
import { requireOwner } from "./permissions.ts";

const input = z.strictObject({ secret: leakedSecret });

/** In one transaction's scope fit a thousand owners. */
const batch = 1_000;
/** Each walks all owners. Counted over all processes. */
const mostAMinute = 120;
/** Values that are looked for in one file of credentials. */
const mostValues = 5;
const shortestValue = 8;

/**
 * Whether a leaked secret is one of ours, and whose. It walks the owners in batches and computes what this secret would
 * look like for each: nothing in the database shows that two owners have the same secret, and nothing is opened. A JSON
 * file of credentials is looked for as a whole and by each of its values. Versions whose grace lasts are found too.
 *
 * @throws PermissionDeniedError the caller is not the operator
 * @throws InvalidInputError longer than any secret
 * @throws RateLimitedError more than 120 in this minute
 */
export async function identifyLeak(scope: Scope, given: string): Promise<LeakFound | null> {
  const { core } = scope;
  const system = core.ownerRef({ system: true });
  await requireOwner(scope, system, "system");
  const { secret } = parseInput(input, { secret: given });
  await requireRate(core, system.id);

  const found = await walk(core, valuesIn(secret));
  await core.database.inTenant({ owners: [system.id] }, async (trx) => {
    await ensureOwner(trx, system);
    await appendAudit(trx, core, { ownerId: system.id, actor: scope.actor, action: "leak.checked", target: found?.keyId ?? null, details: { found: found !== null } });
  });
  return found;
}

async function walk(core: Core, values: readonly string[]): Promise<LeakFound | null> {
  if (values.length === 0) return null;
  let after = "00000000-0000-0000-0000-000000000000";
  for (;;) {
    const rows = await core.database.asOperator((trx) =>
      trx.selectFrom("owners").select("owner_id").where("owner_id", ">", after).where("deleted_at", "is", null).orderBy("owner_id").limit(batch).execute(),
    );
    const owners = rows.map((row) => row.owner_id);
    const last = owners.at(-1);
    if (last === undefined) return null;
    const found = await look(core, owners, values);
    if (found) return found;
    after = last;
  }
}

async function look(core: Core, owners: readonly string[], values: readonly string[]): Promise<LeakFound | null> {
  const fingerprints = owners.flatMap((ownerId) => leakFingerprints(core.keyring, ownerId, values));
  const [hit] = await core.database.read<{ owner_id: string; key_id: string }>(
    { owners },
    {
      name: "byok_leak",
      // A join by hash: `&&` would compare each with each.
      text: `select v.owner_id, v.key_id
        from byok.key_versions v cross join lateral unnest(v.secret_fingerprints) as own (secret)
        join unnest($1::text[]) as asked (secret) using (secret) order by v.version desc limit 1`,
      values: [fingerprints],
    },
  );
  if (!hit) return null;
  const row = await core.database.inTenant({ owners: [hit.owner_id] }, (trx) => findRow(trx, hit.owner_id, hit.key_id));
  if (!row) return null; // Deleted at this moment.
  const { id, owner, provider, status } = toKeyRecord(row, core.clock.now());
  return { keyId: id, owner, provider, status };
}

async function requireRate({ limiter, clock }: Core, systemId: string): Promise<void> {
  const reserved = await limiter.reserve({ ownerId: systemId, keyId: "identifyLeak", limits: { requestsPerMinute: mostAMinute } });
  if ("granted" in reserved) return reserved.granted.settle(null, null);
  const { until } = reserved.refused;
  throw new RateLimitedError(`At most ${mostAMinute} secrets are looked for in a minute; try again later.`, {
    retryAfterMs: until ? Math.max(0, until.getTime() - clock.now().getTime()) : null,
    details: { reason: reserved.refused.limit },
  });
}

/** The secret as it would have been stored; of a JSON object also what stands in its fields. */
function valuesIn(secret: string): string[] {
  const whole = secret.replace(/^\ufeff/, "").trim();
  const values = new Set([whole, ...fieldsOf(whole)]);
  return [...values].filter((value) => value.length >= shortestValue).slice(0, mostValues);
}

function fieldsOf(text: string): string[] {
  if (!text.startsWith("{")) return [];
  try {
    const fields = Object.values(JSON.parse(text) as object).filter((value): value is string => typeof value === "string");
    // Longest first: what is secret is long, and addresses that stand beside it are not looked for before it.
    return fields.toSorted((one, other) => other.length - one.length).map((value) => value.trim());
  } catch {
    // No JSON: it is looked for as it is.
    return [];
  }
}
