import type { ActiveKey, BYOK, Owner, ProviderType, UseOptions } from "@stack-2025/byok-core";

/**
 * What a procedure knows of its caller: a confined view and nothing else. Types of the process behind it stay out, since
 * this one travels into the typed client's declarations.
 */
export interface RequestContext {
  /** The interface, confined to what the caller may see and do. */
  readonly byok: BYOK;
  /** The scopes of the caller's token. */
  readonly scopes: readonly string[];
  /** Whom the token is bound to; null: service-wide. */
  readonly boundTo: { userId: string } | { organizationId: string } | null;
  readonly tokens: TokenVerbs;
  /** Hears of what went wrong; a refusal goes into the trail of whoever was refused. */
  refused(error: unknown): void;
  /** The first usable key that is none of `except`. */
  revealNext(owner: Owner, provider: ProviderType, options: UseOptions, except: readonly string[]): Promise<ActiveKey>;
  /** Every provider of the contract, and whether this version speaks to it. */
  readonly providers: readonly { provider: ProviderType; name: string | null; available: boolean }[];
}

export interface TokenVerbs {
  create(input: NewToken): Promise<{ id: string; token: string; scopes: string[]; expiresAt: Date | null }>;
  list(owner: Owner): Promise<TokenRecord[]>;
  revoke(id: string): Promise<void>;
}

export interface NewToken {
  name: string;
  scopes: string[];
  owner?: { userId: string } | { organizationId: string };
  expiresInMs?: number;
}

export interface TokenRecord {
  id: string;
  name: string;
  owner: { userId: string } | { organizationId: string } | null;
  scopes: string[];
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
}
