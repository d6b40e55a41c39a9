import type { Database } from "@stack-2025/byok-db";
import type { ProviderType } from "@stack-2025/byok-providers";
import type { Logger, OwnerOrUser } from "./byok.ts";
import type { OwnerRef } from "./owners.ts";
import type { Clock } from "./clock.ts";
import type { Keyring } from "./custody/keyring.ts";
import type { Openings } from "./audit/openings.ts";
import type { Refusals } from "./audit/refusals.ts";
import type { Resolver } from "./use/resolve.ts";
import type { Limiter } from "./limits/limiter.ts";
import type { AccessTokens } from "./use/access-tokens.ts";
import type { Parked } from "./use/parked.ts";
import type { Transport } from "./use/transport.ts";
import type { ProbePace } from "./keys/probe-pace.ts";
import type { Ledger } from "./usage/ledger.ts";

/** The parts of one process, made once by the manager and owned by it. A `Scope` says on whose behalf they are used. */
export interface Core {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly resolver: Resolver;
  readonly limiter: Limiter;
  readonly parked: Parked;
  readonly openings: Openings;
  readonly refusals: Refusals;
  readonly transport: Transport;
  readonly probePace: ProbePace;
  readonly accessTokens: AccessTokens;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Webhook and return addresses inside the own network are taken. */
  readonly allowPrivateUrls: boolean;
  readonly logger: Logger;
  /** Work beside a call: it is waited for at close, and its failure is logged, never thrown. */
  background(work: Promise<unknown>): void;
  /** The owner as the database keys it. @throws InvalidInputError */
  ownerRef(owner: OwnerOrUser): OwnerRef;
  /** An operator's endpoint in place of the vendor's origin, without the version segment. */
  baseUrl(provider: ProviderType): string | undefined;
}
