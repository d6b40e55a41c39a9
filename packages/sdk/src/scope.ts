import type { Core } from "./core.ts";
import type { Role } from "./byok.ts";

/** What a caller may do, before roles are asked. The bare manager is trusted server code; everyone else is confined. */
export type Access =
  | { kind: "trusted" }
  | { kind: "user"; userId: string; organizationIds: readonly string[] | undefined }
  | { kind: "organization"; organizationId: string; role: Role }
  | { kind: "token"; tokenId: string; owner: { userId: string } | { organizationId: string } | null; scopes: readonly string[] };

/**
 * What one call may touch, and as whom: the first argument of every verb. `access` decides, `actor` is what the audit
 * keeps (`manager`, `user:alice`, `token:tok_…`).
 */
export interface Scope {
  readonly core: Core;
  readonly access: Access;
  readonly actor: string;
}
