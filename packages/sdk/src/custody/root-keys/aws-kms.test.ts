import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  ConfigurationError,
  EncryptionError,
  makeInstallationKey,
  makeRootCheck,
  proveRootKey,
  unwrapInstallationKey,
  type RootKey,
} from "@stack-2025/byok-crypto";
import { awsKmsRootKey } from "./aws-kms.ts";
import { refusal, startKms, type KmsHome } from "./aws-kms.fixture.ts";

const keyId = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "canary-aws-secret" };
const timeoutMs = 200;
const plain = Uint8Array.from({ length: 32 }, (_, at) => at + 1);
const context = new TextEncoder().encode("byok/1/installation-wrap | one place");
const elsewhere = new TextEncoder().encode("byok/1/installation-wrap | another place");

let kms: KmsHome;
let root: RootKey;
beforeAll(async () => {
  kms = await startKms();
  root = await awsKmsRootKey({ keyId, region: "eu-central-1", endpoint: kms.address, credentials, timeoutMs });
});
afterAll(() => kms[Symbol.asyncDispose]());
beforeEach(() => {
  kms.keys.clear();
  kms.keys.set(keyId, { bytes: randomBytes(32), enabled: true });
  kms.fail([]);
  kms.calls.length = 0;
});
const unavailable = (problem: unknown) => ({ code: "ENCRYPTION", details: { reason: "root_unavailable", retryable: true, rootKeyId: root.id, problem } });
const notMine = { code: "ENCRYPTION", details: {} };

describe("S-26 a root key in AWS KMS", () => {
  it("wraps and unwraps, and says in its id which key it is", async () => {
    const wrapped = await root.wrap(plain, context);
    expect(Buffer.from(wrapped).includes(Buffer.from(plain))).toBe(false);
    expect(await root.unwrap(wrapped, context)).toEqual(plain);
    expect(root.id).toBe(`aws-kms:${keyId}`);
  });

  it("asks as KMS is asked, and passes the context on as the encryption context", async () => {
    await root.unwrap(await root.wrap(plain, context), context);
    const EncryptionContext = { "byok-context": Buffer.from(context).toString("base64url") };
    expect(kms.calls.map(({ headers }) => headers["x-amz-target"])).toEqual(["TrentService.Encrypt", "TrentService.Decrypt"]);
    for (const { body } of kms.calls) expect(JSON.parse(body)).toMatchObject({ KeyId: keyId, EncryptionContext });
  });

  it("carries an installation's keys and proves itself at a later start", async () => {
    const check = await makeRootCheck(root, "inst_1");
    expect(await proveRootKey(root, "inst_1", check)).toBe(true);
    const at = { installationId: "inst_1", purpose: "audit", version: 1 } as const;
    const { wrapped } = await makeInstallationKey(root, at);
    expect(await unwrapInstallationKey(root, wrapped, at)).toMatchObject({ version: 1 });
    await expect(unwrapInstallationKey(root, wrapped, { ...at, version: 2 })).rejects.toMatchObject(notMine);
  });

  it("unwraps in no other context, and nothing that was changed, cut or wrapped by another key", async () => {
    const wrapped = await root.wrap(plain, context);
    const changed = Uint8Array.from(wrapped, (byte, at) => (at === 20 ? byte ^ 1 : byte));
    await expect(root.unwrap(wrapped, elsewhere)).rejects.toMatchObject(notMine);
    await expect(root.unwrap(changed, context)).rejects.toMatchObject(notMine);
    await expect(root.unwrap(wrapped.subarray(0, 20), context)).rejects.toMatchObject(notMine);
    await expect(root.unwrap(new Uint8Array(), context)).rejects.toMatchObject(notMine);
    kms.keys.set(keyId, { bytes: randomBytes(32), enabled: true });
    await expect(root.unwrap(wrapped, context)).rejects.toMatchObject(notMine);
    expect(await proveRootKey(root, "inst_1", wrapped)).toBe(false);
  });

  it("is known under a name of one's own where its id says another region", async () => {
    expect(await awsKmsRootKey({ keyId, region: "eu-west-1", id: "aws-kms:byok", credentials })).toMatchObject({ id: "aws-kms:byok" });
  });
});

describe("S-27 F-18 while KMS is away", () => {
  it("one failure, or two, are tried again and not noticed", async () => {
    const wrapped = await root.wrap(plain, context);
    kms.calls.length = 0;
    kms.fail([refusal("KMSInternalException", 500), "reset"]);
    expect(await root.unwrap(wrapped, context)).toEqual(plain);
    expect(kms.calls).toHaveLength(3);
  });

  it.each([
    { what: "answers 500", fault: refusal("KMSInternalException", 500), problem: "KMSInternalException", tries: 3 },
    { what: "throttles", fault: refusal("ThrottlingException"), problem: "ThrottlingException", tries: 3 },
    { what: "hangs", fault: "hang" as const, problem: "TimeoutError", tries: 3 },
    { what: "cuts the connection", fault: "reset" as const, problem: expect.any(String), tries: 3 },
    { what: "answers garbage", fault: { status: 200, body: "<html>canary-answer" }, problem: "SyntaxError", tries: 1 },
    { what: "answers an empty object", fault: { status: 200, body: "{}" }, problem: "bad_answer", tries: 1 },
    { what: "has no such key any more", fault: refusal("NotFoundException"), problem: "NotFoundException", tries: 1 },
    { what: "has the key disabled", fault: refusal("DisabledException"), problem: "DisabledException", tries: 1 },
    { what: "has the key in deletion", fault: refusal("KMSInvalidStateException"), problem: "KMSInvalidStateException", tries: 1 },
    { what: "does not let us", fault: refusal("AccessDeniedException"), problem: "AccessDeniedException", tries: 1 },
  ])("and $what, it is root_unavailable after $tries of 3 tries, whichever way", async ({ fault, problem, tries }) => {
    const wrapped = await root.wrap(plain, context);
    kms.fail([fault], true);
    kms.calls.length = 0;
    const failed = unavailable(problem);
    await Promise.all([
      expect(root.wrap(plain, context)).rejects.toMatchObject(failed),
      expect(root.unwrap(wrapped, context)).rejects.toMatchObject(failed),
      expect(proveRootKey(root, "inst_1", wrapped)).rejects.toMatchObject(failed),
    ]);
    expect(kms.calls).toHaveLength(3 * tries);
    kms.fail([]);
    expect(await root.unwrap(wrapped, context)).toEqual(plain);
  });

  it("and nobody listens, it is root_unavailable", async () => {
    await using gone = await startKms();
    const lonely = await awsKmsRootKey({ keyId, region: "eu-central-1", endpoint: gone.address, credentials, timeoutMs });
    await gone[Symbol.asyncDispose]();
    await expect(lonely.wrap(plain, context)).rejects.toMatchObject(unavailable("ECONNREFUSED"));
  });

  it("the error quotes neither what KMS said, nor what was asked, nor the credentials", async () => {
    const wrapped = await root.wrap(plain, context);
    kms.fail([{ status: 200, body: "<html>canary-answer" }], true);
    const error: unknown = await root.unwrap(wrapped, context).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(EncryptionError);
    const shown = inspect(error, { depth: 9, showHidden: true });
    for (const canary of ["canary", Buffer.from(wrapped).toString("base64"), Buffer.from(plain).toString("base64")]) expect(shown).not.toContain(canary);
  });
});

it("what is set up wrongly is a ConfigurationError at once", async () => {
  await expect(awsKmsRootKey({ keyId: " ", region: "eu-central-1" })).rejects.toThrow(ConfigurationError);
  await expect(awsKmsRootKey({ keyId: "k".repeat(300), region: "eu-central-1" })).rejects.toMatchObject({ details: { field: "id" } });
});
