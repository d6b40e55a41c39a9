// What custody costs: a record sealed and opened, against the same bytes made with node:crypto by hand; and a change of the root key,
// with every owner's keys below it, while reads go on.
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes, randomFillSync, timingSafeEqual } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { BYOKManager, ProviderType } from "@stack-2025/byok-core";
import { coreOf, ownerRef, rotateRoot, type Core } from "@stack-2025/byok-core/internal";
import { startTemporaryPostgres } from "@stack-2025/byok-db/testing";
import { compare, table } from "./measure.ts";
import type { Bench } from "./run.ts";

const secretBytes = 200;
const goal = 1.5;
const lanes = 8;

export const bench: Bench = {
  title: "custody: seal, open, and a root key that changes",
  async run({ quick }) {
    // Sealing every record anew takes some 30 ms an owner: that is measured over a few, before the many are there.
    const few = 500;
    const many = quick ? 2_000 : 100_000;
    const server = await startTemporaryPostgres({ durable: true });
    const [first, second, third] = [newRoot(), newRoot(), newRoot()];
    const managers: BYOKManager[] = [];
    const open = (encryptionKey: Uint8Array, ...previousEncryptionKeys: Uint8Array[]): BYOKManager => {
      const manager = new BYOKManager({ encryptionKey, previousEncryptionKeys, database: server.connectionString, cache: false });
      managers.push(manager);
      return manager;
    };
    const admin = new pg.Client({ connectionString: server.connectionString });
    try {
      const maker = open(first);
      const core = await coreOf(maker);
      await sealAndOpen(core, quick ? 2 : 10);

      await admin.connect();
      await fill(admin, core, 0, few);
      await maker.close();
      const reader = open(third, second, first);
      const toSecond = open(second, first, third);
      await rotateWhileReading(reader, few, toSecond, { compromised: true });
      await fill(admin, await coreOf(toSecond), few, many);
      await toSecond.close();

      const toThird = open(third, second);
      await coreOf(toThird);
      await whileReading(reader, many, "nothing else (1 s)", () => pause(1_000));
      await rotateWhileReading(reader, many, toThird, {});
      await rotateWhileReading(reader, many, toThird, { installationKeys: true });
    } finally {
      await admin.end();
      for (const manager of managers) await manager.close();
      await server.stop();
    }
  },
};

const newRoot = (): Uint8Array => new Uint8Array(randomBytes(32));

async function rotateWhileReading(reader: BYOKManager, owners: number, manager: BYOKManager, options: { compromised?: true; installationKeys?: true }): Promise<void> {
  const core = await coreOf(manager);
  const name = `root rotate${options.compromised ? " --compromised" : options.installationKeys ? " --installation-keys" : ""}`;
  await whileReading(reader, owners, name, async () => inWords(await rotateRoot(core, { actor: "bench", ...options })));
}

const inWords = ({ rewrapped, remaining }: { rewrapped: number; remaining: number }): string => `${rewrapped.toLocaleString("en-US")} keys wrapped or made anew, ${remaining} remain`;

/** The same envelope by hand: salt, HKDF to a key and a commitment, AES-256-GCM under a KeyObject. */
async function sealAndOpen({ keyring }: Core, seconds: number): Promise<void> {
  const ownerId = "aaaaaaaa-0000-4000-8000-000000000000";
  const { tenantKey } = keyring.makeTenantKey(ownerId, 1);
  const place = { ownerId, keyId: `key_${"0".repeat(32)}`, keyVersion: 1, custody: "managed" as const, provider: "openai", environment: "production", field: "keyData" };
  const plain = randomBytes(secretBytes);
  const sealed = keyring.seal(tenantKey, plain, place);

  const rawKey = createSecretKey(randomBytes(32));
  // As long as ours: the context of a record in this place.
  const context = randomBytes(contextBytes(place));
  const options = { authTagLength: 16 };
  const rawSeal = (): Buffer => {
    const random = randomFillSync(Buffer.allocUnsafe(44));
    const derived = Buffer.from(hkdfSync("sha256", rawKey, random.subarray(0, 32), context, 64));
    const cipher = createCipheriv("aes-256-gcm", createSecretKey(derived.subarray(0, 32)), random.subarray(32), options).setAAD(context);
    return Buffer.concat([random.subarray(0, 32), derived.subarray(32), random.subarray(32), cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  };
  const rawOpen = (bytes: Buffer): Buffer => {
    const derived = Buffer.from(hkdfSync("sha256", rawKey, bytes.subarray(0, 32), context, 64));
    if (!timingSafeEqual(derived.subarray(32), bytes.subarray(32, 64))) throw new Error("the commitment is another");
    const decipher = createDecipheriv("aes-256-gcm", createSecretKey(derived.subarray(0, 32)), bytes.subarray(64, 76), options)
      .setAAD(context)
      .setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(76, -16)), decipher.final()]);
  };
  const raw = rawSeal();
  if (!rawOpen(raw).equals(plain) || raw.length !== sealed.length - 6) throw new Error("the two do not do the same");

  for (const [what, ours, byHand] of [
    ["seal", () => keyring.seal(tenantKey, plain, place), rawSeal],
    ["open", () => keyring.open(tenantKey, sealed, place), () => rawOpen(raw)],
  ] as const) {
    const base = `${what} by hand`;
    const samples = await compare([{ name: base, batch: 50, run: byHand }, { name: what, batch: 50, run: ours }], { seconds, rounds: 15 });
    const ratio = (samples.get(what)?.p50 ?? Number.NaN) / (samples.get(base)?.p50 ?? Number.NaN);
    process.stdout.write(`${secretBytes} bytes\n${table(samples, base)}\n${ratio.toFixed(2)} times as long; the goal is at most ${goal}: ${ratio <= goal ? "met" : "MISSED"}\n\n`);
  }
}

/** Label, versions, ids and words, each behind its length. */
function contextBytes(place: { ownerId: string; keyId: string; custody: string; provider: string; environment: string; field: string }): number {
  const texts = ["byok/1/record", "i0123456789ab", place.ownerId, "key_versions", place.keyId, place.field, place.custody, place.provider, place.environment];
  return texts.reduce((sum, text) => sum + 4 + text.length, 0) + 4 * 8;
}

/** Owners as `addKey` makes them, many in a statement. */
async function fill(admin: pg.Client, { keyring, database }: Core, first: number, owners: number): Promise<void> {
  const atOnce = 1_000;
  for (let from = first; from < owners; from += atOnce) {
    const made = Array.from({ length: Math.min(atOnce, owners - from) }, (_, index) => {
      const user = `user_${from + index}`;
      const { id } = ownerRef(database.installation.id, user);
      const keyId = `key_${(from + index).toString(16).padStart(32, "0")}`;
      const { tenantKey, wrapped } = keyring.makeTenantKey(id, 1);
      const plain = Buffer.from(JSON.stringify({ apiKey: secretOf(user) }));
      const sealed = keyring.seal(tenantKey, plain, { ownerId: id, keyId, keyVersion: 1, custody: "managed", provider: "openai", environment: "production", field: "keyData" });
      return { user, id, keyId, wrapped: Buffer.from(wrapped), sealed: Buffer.from(sealed) };
    });
    const ids = made.map((one) => one.id);
    const keyIds = made.map((one) => one.keyId);
    await admin.query("begin");
    await admin.query("insert into byok.owners (owner_id, kind, external_id) select o, 'user', e from unnest($1::uuid[], $2::text[]) as n(o, e)", [ids, made.map((one) => one.user)]);
    await admin.query("insert into byok.tenant_keys (owner_id, version, wrapped) select o, 1, w from unnest($1::uuid[], $2::bytea[]) as n(o, w)", [ids, made.map((one) => one.wrapped)]);
    await admin.query(
      "insert into byok.keys (owner_id, key_id, provider, environment, status, created_at, updated_at) select o, k, 'openai', 'production', 'active', now(), now() from unnest($1::uuid[], $2::text[]) as n(o, k)",
      [ids, keyIds],
    );
    await admin.query(
      "insert into byok.key_versions (owner_id, key_id, version, sealed, tenant_key_version, created_at) select o, k, 1, s, 1, now() from unnest($1::uuid[], $2::text[], $3::bytea[]) as n(o, k, s)",
      [ids, keyIds, made.map((one) => one.sealed)],
    );
    await admin.query("commit");
  }
  await admin.query("analyze");
}

const secretOf = (user: string): string => `sk-of-${user}`;

/** Reads from before the work to after it; a read that fails or finds something else is told. */
async function whileReading(reader: BYOKManager, owners: number, name: string, work: () => Promise<string | void>): Promise<void> {
  const taken: number[] = [];
  let failed = 0;
  const ended = new AbortController();
  const lane = async (start: number): Promise<void> => {
    for (let index = start; !ended.signal.aborted; index += 7_919) {
      const user = `user_${index % owners}`;
      const began = performance.now();
      try {
        if ((await reader.getActiveKey(user, ProviderType.OPENAI)).decryptedKey !== secretOf(user)) failed += 1;
      } catch {
        failed += 1;
      }
      taken.push(performance.now() - began);
    }
  };
  const reading = Promise.all(Array.from({ length: lanes }, (_, index) => lane(index * 101)));
  const began = performance.now();
  const said = await work();
  const seconds = (performance.now() - began) / 1_000;
  await pause(500);
  ended.abort();
  await reading;
  const sorted = taken.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(1);
  const rate = Math.round(sorted.length / (seconds + 0.5));
  process.stdout.write(`${owners.toLocaleString("en-US")} owners, ${lanes} readers without a cache, ${name}: ${seconds.toFixed(2)} s${said ? `, ${said}` : ""}; ${rate} reads a second, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${failed} failed${failed > 0 ? " (the goal is none: MISSED)" : ""}\n`);
}
