/** What a vendor's refusal means for the key that was used. Said once, in the provider's folder; above it nobody reads vendor codes. */
export type Verdict =
  | "invalid" // the key is dead
  | "exhausted" // the account is out of credit or over its spend limit
  | "rate_limited" // slow down
  | "forbidden" // this key may not do this; it is alive
  | "transient" // the vendor's trouble; no key is to blame
  | "caller"; // the request itself is at fault; no key helps

export interface Failure {
  verdict: Verdict;
  /** The vendor's machine code, where it gave one. */
  code: string | null;
  /** One sentence that a customer understands, in our words; never the vendor's raw text. */
  reason: string;
  /** Another key could help. */
  failover: boolean;
  /** `exhausted`: when the account comes back by itself; null where nobody knows. */
  until: Date | null;
  /** `rate_limited`: how long to wait, clamped to 0…3,600,000 ms; null where the vendor does not say. */
  retryAfterMs: number | null;
  /** `forbidden`: what it is about. */
  scope: "model" | "endpoint" | "region" | "network" | "configuration" | null;
  /** The account is concerned, not this key alone: a sibling key of one account would fare the same. */
  accountWide: boolean;
  /** A positive code says that the key is dead (`invalid`), or only suggests it: then a second endpoint decides. */
  certain: boolean;
}

/** A vendor's answer, read as far as the classifier needs it. `headers` by lower-case name. */
export interface VendorAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  /** At most 64 KiB. */
  body: string;
}

/** Fills what a verdict leaves out; `failover` follows from the verdict unless the table says otherwise. */
export function failure(verdict: Verdict, reason: string, more: Partial<Omit<Failure, "verdict" | "reason">> = {}): Failure {
  return {
    verdict,
    reason,
    code: more.code ?? null,
    failover: more.failover ?? verdict !== "caller",
    until: more.until ?? null,
    retryAfterMs: more.retryAfterMs === undefined || more.retryAfterMs === null ? null : Math.min(Math.max(more.retryAfterMs, 0), 3_600_000),
    scope: more.scope ?? null,
    accountWide: more.accountWide ?? false,
    certain: more.certain ?? true,
  };
}
