/** What is left of a rotation and who follows it, for `byok doctor`: counts and names, nothing is changed. */
import { sql } from "kysely";
import type { RotationCore } from "./rotation-core.ts";
import { liveProcesses, namesOf } from "./processes.ts";

export interface RotationState {
  /** The root that the installation names. */
  rootKeyId: string;
  /** Roots that keys are still wrapped by, and that should wrap none. */
  leftBehind: string[];
  /** Living processes that were not given the root that the installation names. */
  unaware: string[];
  /** Keys of the installation under another root, and of tenants under a key that a lost root has shown. */
  remaining: number;
}

export async function rotationState({ database }: Pick<RotationCore, "database">): Promise<RotationState> {
  const { rootKeyId, leftBehind, above, exposed, unaware } = await database.asInstallation(async (trx) => {
    const { rows } = await sql<{ rootKeyId: string; leftBehind: string[]; above: number; exposed: string[] }>`
      select i.root_key_id as "rootKeyId",
        (select coalesce(array_agg(distinct k.root_key_id), '{}') from installation_keys k where k.root_key_id <> i.root_key_id) as "leftBehind",
        (select count(*)::integer from installation_keys k where k.root_key_id <> i.root_key_id) as above,
        (select coalesce(array_agg(version::text), '{}') from installation_keys where purpose = 'tenant-wrap' and exposed) as exposed
      from installation i`.execute(trx);
    const state = rows[0]!;
    return { ...state, unaware: namesOf((await liveProcesses(trx)).filter((one) => !one.root_key_ids.includes(state.rootKeyId))) };
  });
  if (exposed.length === 0) return { rootKeyId, leftBehind, unaware, remaining: above };
  const below = await database.asOperator(async (trx) => {
    const { rows } = await sql<{ below: number }>`select count(*)::integer as below from tenant_keys where wrap_version = any(${exposed}::bigint[])`.execute(trx);
    return rows[0]?.below ?? 0;
  });
  return { rootKeyId, leftBehind, unaware, remaining: above + below };
}
