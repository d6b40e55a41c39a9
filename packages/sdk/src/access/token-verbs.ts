/** Service tokens for callers that are confined: nobody makes a token that may do more than they may. */
import { PermissionDeniedError } from "@stack-2025/byok-crypto";
import type { Owner } from "../schema.ts";
import type { Scope } from "../scope.ts";
import { requireOwner, visibleOwners } from "./permissions.ts";
import {
  createServiceToken, homeOf, listServiceTokens, revokeServiceToken, tokenNotFound, type CreateServiceToken, type NewServiceToken, type ServiceTokenRecord,
} from "./service-token.ts";

/** @throws PermissionDeniedError the caller may not make tokens for this owner, or lacks a scope that it would give */
export async function createToken(scope: Scope, input: CreateServiceToken): Promise<NewServiceToken> {
  const { access, core } = scope;
  await requireOwner(scope, core.ownerRef(input.owner ?? { system: true }), "tokens:write");
  if (access.kind === "token") {
    const above = input.scopes.filter((one) => !access.scopes.includes(one));
    if (above.length > 0) {
      throw new PermissionDeniedError(`A service token gives only scopes that it has; this one lacks ${above.join(", ")}.`, { details: { reason: "missing_scope", scopes: above } });
    }
  }
  return createServiceToken(core, scope.actor, input);
}

/** @throws PermissionDeniedError the caller may not see this owner's tokens */
export async function listTokens(scope: Scope, owner: Owner): Promise<ServiceTokenRecord[]> {
  await requireOwner(scope, scope.core.ownerRef(owner), "tokens:write");
  return listServiceTokens(scope.core, owner);
}

/** @throws BYOKError `NOT_FOUND` there is no such token, or none that this caller may know of */
export async function revokeToken(scope: Scope, id: string): Promise<void> {
  const home = await homeOf(scope.core, id);
  const visible = await visibleOwners(scope, "tokens:write");
  if (home === undefined || !visible.includes(home)) throw tokenNotFound();
  await revokeServiceToken(scope.core, id, scope.actor);
}
