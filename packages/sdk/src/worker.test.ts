import { addJob } from "@stack-2025/byok-db";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openaiKey, openInstallation, type Installation } from "./installation.fixture.ts";
import { schedule, tasks } from "./jobs/tasks.ts";
import { coreOf } from "./manager.ts";
import { ownerRef } from "./owners.ts";
import { startWorker } from "./worker.ts";

let at: Installation;

beforeAll(async () => {
  at = await openInstallation();
});
afterAll(async () => {
  await at[Symbol.asyncDispose]();
});

describe("the worker", () => {
  test("F-14 two workers that are given a fold several times make each day once, and stop when told", async () => {
    const { id: keyId } = await at.manager.addKey({ userId: "alice", provider: "openai", keyData: { apiKey: openaiKey() }, validate: "skip" });
    const { database } = await coreOf(at.manager);
    const { id: ownerId } = ownerRef(database.installation.id, "alice");
    const days = (): Promise<{ requests: string }[]> =>
      database.read({ owners: [ownerId] }, { name: "days", text: "select requests::text from byok.usage_daily", values: [] });

    const day = Math.floor(Date.now() / 86_400_000 - 4) * 86_400_000;
    const second = at.another();
    const workers = await Promise.all([startWorker(at.manager), startWorker(second)]);
    for (let round = 1; round <= 5; round += 1) {
      await at.manager.recordUsage([{ keyId, at: new Date(day) }, { keyId, at: new Date(day + 86_399_999) }]);
      await database.inTenant({ owners: [ownerId] }, async (trx) => {
        for (let copy = 0; copy < 3; copy += 1) await addJob(trx, "fold_hours", {});
      });
      await expect.poll(days, { timeout: 10_000, interval: 20 }).toEqual([{ requests: String(2 * round) }]);
    }
    await Promise.all(workers.map((worker) => worker.stop()));
  });

  test("S-40 a payload that is not the task's own fails its job, which keeps our sentence and no value", async () => {
    const { database } = await coreOf(at.manager);
    const { id: ownerId } = ownerRef(database.installation.id, "alice");
    await database.inTenant({ owners: [ownerId] }, (trx) => addJob(trx, "fold_hours", { keyData: "CANARY-f00d" }, { jobKey: "bad" }));
    const worker = await startWorker(at.manager);
    const admin = await database.dedicatedPool({ max: 1 });
    const lastError = async (): Promise<unknown> => (await admin.query("select last_error from byok_worker._private_jobs where key = 'bad'")).rows[0]?.last_error;
    await expect.poll(lastError, { timeout: 10_000, interval: 20 }).toMatch(/^INVALID_INPUT: /);
    expect(await lastError()).not.toContain("CANARY");
    await admin.end();
    await Promise.all([worker.stop(), worker.stop()]);
  });

  test("every scheduled task exists", () => {
    for (const { task } of schedule) expect(tasks).toHaveProperty(task);
  });
});
