import pg from "pg";
import { EncryptionError, ProviderType } from "@stack-2025/byok-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openaiKey, openInstallation, type TestInstallation } from "./installation.ts";

describe("S-04: a ciphertext opens only where it was put", () => {
  let place: TestInstallation;
  let admin: pg.Client;

  beforeAll(async () => {
    place = await openInstallation();
    admin = new pg.Client({ connectionString: place.databaseUrl });
    await admin.connect();
  });
  afterAll(async () => {
    await admin.end();
    await place[Symbol.asyncDispose]();
  });

  const store = async (userId: string, name: string): Promise<string> =>
    (await place.manager.addKey({ userId, provider: ProviderType.OPENAI, keyData: { apiKey: openaiKey(name) } })).id;

  /** Exchanges the sealed bytes of two rows, as somebody with SQL at hand would; again, and all is as it was. */
  async function swap(one: string, other: string): Promise<void> {
    const { rowCount } = await admin.query(
      `update byok.key_versions a set sealed = b.sealed from byok.key_versions b
       where (a.key_id = $1 and b.key_id = $2) or (a.key_id = $2 and b.key_id = $1)`,
      [one, other],
    );
    expect(rowCount).toBe(2);
  }

  /** A process that has read nothing yet, so that what it finds is what the database holds. */
  const useIn = async (userId: string, keyId: string): Promise<string> => {
    const fresh = place.another({ cache: false });
    return (await fresh.getActiveKey(userId, ProviderType.OPENAI, { keyId })).decryptedKey;
  };

  test("not under another tenant, and both rows open again once they are put back", async () => {
    const [mine, theirs] = [await store("user_a", "a1"), await store("user_b", "b1")];
    await swap(mine, theirs);
    await expect(useIn("user_a", mine)).rejects.toBeInstanceOf(EncryptionError);
    await expect(useIn("user_b", theirs)).rejects.toBeInstanceOf(EncryptionError);
    await swap(mine, theirs);
    expect(await useIn("user_a", mine)).toBe(openaiKey("a1"));
    expect(await useIn("user_b", theirs)).toBe(openaiKey("b1"));
  });

  test("not in another row of the same tenant", async () => {
    const [first, second] = [await store("user_c", "c1"), await store("user_c", "c2")];
    await swap(first, second);
    await expect(useIn("user_c", first)).rejects.toBeInstanceOf(EncryptionError);
    await expect(useIn("user_c", second)).rejects.toBeInstanceOf(EncryptionError);
  });

  test("a record that does not open is never passed over for the next key", async () => {
    const [first, spare] = [await store("user_d", "d1"), await store("user_d", "d2")];
    await admin.query("update byok.key_versions set sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1) where key_id = $1", [first]);
    const fresh = place.another({ cache: false });
    await expect(fresh.getActiveKey("user_d", ProviderType.OPENAI)).rejects.toBeInstanceOf(EncryptionError);
    await expect(fresh.withKey("user_d", ProviderType.OPENAI, async (key) => key.keyId)).rejects.toBeInstanceOf(EncryptionError);
    expect(await useIn("user_d", spare)).toBe(openaiKey("d2"));
    expect((await fresh.getKey(first)).status).toBe("active");
  });
});
