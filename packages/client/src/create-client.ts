/** The interface of the library over the service: same methods, same classes of errors, same dates. */
import { createTRPCClient, httpBatchLink, type TRPCClient } from "@trpc/client";
import type { inferRouterInputs } from "@trpc/server";
import type { AppRouter } from "@stack-2025/byok-api";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import type { ActiveKey, BYOK, KeyRecord, Owner, OwnerOrUser, ProviderConfig, ProviderType, UseOptions } from "@stack-2025/byok-core";
import { called, markErrors } from "./errors.ts";
import { guardPrinting } from "./guard-printing.ts";
import { proxyFetch } from "./proxy-fetch.ts";
import { toAuditPage, toCandidate, toKeyHealth, toKeyRecord, toMember, toPage, toUsageStats } from "./revive.ts";
import { withKey } from "./with-key.ts";

export interface ByokClientOptions {
  /** The service's root, such as `https://byok.example.com`. */
  url: string;
  /** A service token, or a function that gives one; it is asked at each request. */
  token: string | (() => string | Promise<string>);
  /** In place of the platform's own. */
  fetch?: typeof fetch | undefined;
}

/** The interface, and the raw typed client of the procedures under it. */
export type ByokClient = BYOK & { readonly trpc: TRPCClient<AppRouter> };

type Input = inferRouterInputs<AppRouter>;

/** The service takes no more in one batch. */
const largestBatch = 20;

/**
 * A client of the service. Nothing is sent until a method is called; calls of one moment share a request.
 *
 * @throws InvalidInputError `url` is no http or https address
 */
export function createByokClient(options: ByokClientOptions): ByokClient {
  const url = rootOf(options.url);
  const send = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const token = async (): Promise<string> => (typeof options.token === "function" ? await options.token() : options.token);
  const trpc = createTRPCClient<AppRouter>({
    links: [
      markErrors,
      httpBatchLink({
        url: `${url}/trpc`,
        maxItems: largestBatch,
        // Queries too: what they ask for stays out of URLs, which others log.
        methodOverride: "POST",
        headers: async () => ({ authorization: `Bearer ${await token()}` }),
        fetch: (input, init) => send(input as string, init as RequestInit),
      }),
    ],
  });
  const call = <T>(procedure: () => Promise<T>, signal?: AbortSignal): Promise<T> => called(url, procedure, signal);

  async function activeKey<P extends ProviderType>(owner: OwnerOrUser, provider: P, given: UseOptions = {}, except?: readonly string[]): Promise<ActiveKey<P>> {
    const { signal, ...use } = given;
    const input = { ...flat(owner), provider, options: use, ...(except && { except: [...except] }) };
    const wire = await call(() => trpc.keys.active.mutate(input, withSignal(signal)), signal);
    return guardPrinting(wire, "ActiveKey") as unknown as ActiveKey<P>;
  }

  const record: BYOK["recordUsage"] = async (event) => {
    await call(() => trpc.usage.record.mutate({ events: Array.isArray(event) ? event : [event] }));
  };

  return {
    trpc,

    async addKey(key): Promise<KeyRecord> {
      return toKeyRecord(await call(() => trpc.keys.add.mutate(key as Input["keys"]["add"])));
    },
    async getKey(keyId) {
      return toKeyRecord(await call(() => trpc.keys.get.query({ keyId })));
    },
    async listKeys(owner, filter = {}) {
      return toPage(await call(() => trpc.keys.list.query({ ...flat(owner), ...filter })));
    },
    async updateKey(keyId, updates) {
      return toKeyRecord(await call(() => trpc.keys.update.mutate({ ...updates, keyId })));
    },
    async deleteKey(keyId) {
      await call(() => trpc.keys.delete.mutate({ keyId }));
    },
    async testKey(keyId) {
      return call(() => trpc.keys.test.mutate({ keyId }));
    },
    async rotateKey(keyId, newKeyData, given) {
      const contents = typeof newKeyData === "object" && newKeyData !== null && "sealed" in newKeyData ? { sealed: newKeyData.sealed } : { keyData: newKeyData };
      return toKeyRecord(await call(() => trpc.keys.rotate.mutate({ ...given, ...contents, keyId })));
    },
    async rollbackKey(keyId) {
      return toKeyRecord(await call(() => trpc.keys.rollback.mutate({ keyId })));
    },
    async getKeyHealth(keyId) {
      return toKeyHealth(await call(() => trpc.keys.health.query({ keyId })));
    },
    async validateAllKeys(owner) {
      return call(() => trpc.keys.validateAll.mutate(flat(owner)));
    },
    async explain(owner, provider, given = {}) {
      const { signal, ...use } = given;
      return (await call(() => trpc.keys.explain.query({ ...flat(owner), provider, options: use }, withSignal(signal)), signal)).map(toCandidate);
    },

    getActiveKey: (owner, provider, use) => activeKey(owner, provider, use),
    async getProviderConfig<P extends ProviderType>(owner: OwnerOrUser, provider: P, given: UseOptions = {}): Promise<ProviderConfig<P>> {
      const { signal, ...use } = given;
      const wire = await call(() => trpc.keys.providerConfig.mutate({ ...flat(owner), provider, options: use }, withSignal(signal)), signal);
      return guardPrinting(wire, "ProviderConfig") as unknown as ProviderConfig<P>;
    },
    withKey: (owner, provider, use, given) =>
      withKey({ next: (except) => activeKey(owner, provider, given, except), record: (event) => record(event) }, owner, use, given),
    fetchFor: (owner, provider, given) => proxyFetch({ url, token, fetch: send }, owner, provider, given),

    recordUsage: record,
    async getUsageStats(keyId, range) {
      return toUsageStats(await call(() => trpc.usage.stats.query({ keyId, ...(range !== undefined && { range }) })));
    },

    async setMember(member) {
      await call(() => trpc.members.set.mutate(member));
    },
    async removeMember(member) {
      await call(() => trpc.members.remove.mutate(member));
    },
    async listMembers(organizationId) {
      return (await call(() => trpc.members.list.query({ organizationId }))).map(toMember);
    },

    async listAuditEvents(owner, filter = {}) {
      return toAuditPage(await call(() => trpc.audit.list.query({ ...flat(owner), ...filter })));
    },
    async verifyAudit(owner) {
      return call(() => trpc.audit.verify.query(owner === undefined ? {} : flat(owner)));
    },
    async setOwnerPolicy(owner, policy) {
      return call(() => trpc.owners.setPolicy.mutate({ ...flat(owner), ...policy }));
    },
    async getOwnerPolicy(owner) {
      return call(() => trpc.owners.policy.query(flat(owner)));
    },
    async deleteOwner(owner) {
      await call(() => trpc.owners.delete.mutate(flat(owner)));
    },
    async identifyLeak(secret) {
      return call(() => trpc.leaks.identify.mutate({ secret }));
    },
  };
}

/** Owners travel as flat fields; a bare string is a user. */
const flat = (owner: OwnerOrUser): Owner => (typeof owner === "string" ? { userId: owner } : owner);

const withSignal = (signal: AbortSignal | undefined): { signal?: AbortSignal } => (signal ? { signal } : {});

function rootOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.search && !url.hash) return url.href.replace(/\/+$/, "");
  const message = "has to be the service's root, such as https://byok.example.com";
  throw new InvalidInputError(`url ${message}.`, { issues: [{ path: "url", message }] });
}
