/** Tells every process that the root or the installation's keys changed, by the log of changes that all of them follow. */
import type { Database } from "@stack-2025/byok-db";
import { markChanged } from "../use/changes.ts";

/** In the place of an owner: nobody has this id. Code that does not know it looks for an owner to forget, and finds none. */
export const keyringSignal = "00000000-0000-0000-0000-000000000000";

/** It only brings the news sooner: a heartbeat finds it too. */
export async function signalKeyring(database: Database): Promise<void> {
  await database.inTenant({ owners: [keyringSignal] }, (trx) => markChanged(trx, [keyringSignal]));
}
