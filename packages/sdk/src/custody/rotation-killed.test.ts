import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ConflictError } from "../index.ts";
import { coreOf } from "../manager.ts";
import { killChildren, startChild, type Child } from "./rotation-children.fixture.ts";
import { openPlace, rootNumber, type Place } from "./rotation.fixture.ts";
import { onEachStatement } from "./statements.fixture.ts";

let place: Place;
beforeEach(async () => {
  place = await openPlace();
});
afterEach(async () => {
  killChildren();
  await place[Symbol.asyncDispose]();
});

const users = Array.from({ length: 5 }, (_, index) => `u_${index}`);
const secretOf = (user: string): string => `sk-of-${user}-long-enough-0001`;

async function storeUsers(): Promise<void> {
  const first = place.manager([1]);
  for (const user of users) await first.addKey({ userId: user, provider: "openai", keyData: { apiKey: secretOf(user) }, validate: "skip" });
  await first.close();
}

async function startWork(name: string, roots: readonly number[], mostMade = 2_000): Promise<Child> {
  const child = await startChild();
  child.tell({ task: "work", connectionString: place.connectionString, roots: roots.map(rootNumber), users, name, mostMade });
  await child.answer("ready");
  return child;
}

async function endWork(child: Child): Promise<{ reads: number; made: number }> {
  child.tell("stop");
  const { failures, reads, made } = await child.answer("worked");
  expect(failures).toEqual([]);
  expect(reads).toBeGreaterThan(0);
  return { reads, made };
}

/** What a killed one left in the table of the living would be waited for, for half a minute. */
const forgetTheDead = async ({ pid }: Child): Promise<void> => {
  await place.admin.query("delete from byok.processes where name like $1", [`%:${pid}`]);
};

/** All roots that any of the many rotations of a test leads to: a process that has them all knows them all. */
const roots = (first: number, most: number): number[] => [first, ...Array.from({ length: most }, (_, index) => index + 1).filter((one) => one !== first)];

interface Ended {
  remaining: number;
  /** What still opens under the root that was left, and how much under the new one. */
  old: string[];
  opens: number;
}

/** What a run that died left is ended by the next, as soon as the server has seen that it died. */
async function end(root: number, most: number): Promise<Ended> {
  const manager = place.manager(roots(root, most));
  try {
    for (;;) {
      const outcome = await place.rotate(manager).catch((error: unknown) => error as ConflictError);
      if (!(outcome instanceof Error)) return { remaining: outcome.remaining, old: await place.opensUnder(root - 1), opens: (await place.opensUnder(root)).length };
      if (outcome.details["reason"] !== "rotation_running") throw outcome;
    }
  } finally {
    await manager.close();
  }
}

interface Killing {
  most: number;
  stride: number;
  compromised?: boolean;
}

/** Rotation after rotation, each to a root of its own, killed one statement further on, and ended by another. */
async function killAtEveryStatement({ most, stride, compromised = false }: Killing): Promise<{ kills: number; last: string; ended: Ended[] }> {
  const ended: Ended[] = [];
  let next = startChild();
  for (let root = 2; root <= most; root += 1) {
    const child = await next;
    next = startChild();
    child.tell({ task: "rotate", connectionString: place.connectionString, roots: roots(root, most).map(rootNumber), killAt: (root - 2) * stride + 1, compromised });
    const last = await child.ended;
    await forgetTheDead(child);
    ended.push(await end(root, most));
    if (last === "SIGKILL") continue;
    (await next).tell("end");
    return { kills: root - 2, last, ended };
  }
  throw new Error("the rotation has more statements than this test has roots");
}

/** Cuts every connection that the work has used, right after its nth statement. @returns whether it came so far */
async function cutAt(number: number, work: () => Promise<unknown>): Promise<boolean> {
  const clients = new Set<object>();
  let sent = 0;
  const stop = onEachStatement((_text, client) => {
    clients.add(client);
    sent += 1;
    if (sent !== number) return;
    for (const one of clients) (one as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  });
  try {
    await work();
  } catch (error) {
    if (sent < number) throw error;
  } finally {
    stop();
  }
  return sent >= number;
}

describe("S-20 F-12: a rotation that is killed", { timeout: 900_000 }, () => {
  test("at every statement that writes or commits, by SIGKILL: the next run ends it, and no read and no new owner fails meanwhile, in processes with old and with old and new roots", async () => {
    const most = 90;
    await storeUsers();
    const [old, both] = await Promise.all([startWork("old", [1]), startWork("both", roots(1, most))]);

    // While the old one lives, it is named and nothing changes, killed or not.
    const refusing = place.manager(roots(2, most));
    await expect(place.rotate(refusing)).rejects.toMatchObject({ details: { reason: "processes_unaware" } });
    await refusing.close();
    // The operator rolls it.
    const oldDid = await endWork(old);
    const rolled = await startWork("rolled", roots(2, most));
    await old.ended;

    const { kills, last, ended } = await killAtEveryStatement({ most, stride: 1 });
    expect({ kills, last }).toEqual({ kills: expect.any(Number) as number, last: expect.stringMatching(/^code 0/) as string });
    expect(kills).toBeGreaterThan(25);
    expect(ended).toEqual(ended.map(() => ({ remaining: 0, old: [], opens: 5 })));
    const did = [oldDid, await endWork(both), await endWork(rolled)];
    process.stdout.write(`    killed at ${kills} statements; ${did.reduce((sum, one) => sum + one.reads, 0)} reads and ${did.reduce((sum, one) => sum + one.made, 0)} new owners, none failed\n`);

    const { rows } = await place.admin.query("select count(distinct root_key_id)::integer as roots, count(*)::integer as keys from byok.installation_keys");
    expect(rows).toEqual([{ roots: 1, keys: 4 }]);
  });

  test("at every statement, whatever it is, by cutting its connections: the next run ends it", async () => {
    const most = 160;
    await storeUsers();
    let kills = 0;
    for (let root = 2; root <= most; root += 1) {
      const manager = place.manager(roots(root, most));
      await coreOf(manager);
      const died = await cutAt(root - 1, () => place.rotate(manager));
      await manager.close();
      expect(await end(root, most)).toEqual({ remaining: 0, old: [], opens: 5 });
      if (!died) break;
      kills += 1;
    }
    expect(kills).toBeGreaterThan(50);
    expect(kills).toBeLessThan(most - 2);
    const reader = place.manager(roots(kills + 2, most), { cache: false });
    for (const user of users) expect((await reader.getActiveKey(user, "openai")).decryptedKey).toBe(secretOf(user));
  });

  test("S-22 with new tenant keys and records: ended by the next run, and no read fails", async () => {
    const most = 40;
    await storeUsers();
    const both = await startWork("both", roots(1, most), 20);
    const { kills, last, ended } = await killAtEveryStatement({ compromised: true, most, stride: 37 });
    expect(last).toMatch(/^code 0/);
    expect(kills).toBeGreaterThan(5);
    expect(ended.map(({ remaining, old }) => ({ remaining, old }))).toEqual(ended.map(() => ({ remaining: 0, old: [] })));
    const { made } = await endWork(both);
    expect(made).toBeGreaterThan(0);
    const { rows } = await place.admin.query(
      "select count(*)::integer as left from byok.tenant_keys t join byok.installation_keys k on k.purpose = 'tenant-wrap' and k.version = t.wrap_version where k.exposed",
    );
    expect(rows).toEqual([{ left: 0 }]);
  });
});
