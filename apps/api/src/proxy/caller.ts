/** Who calls the proxy and for whom: the token where the provider's own SDK puts its key, the owner and the options in `byok-*` headers. */
import { InvalidInputError, PermissionDeniedError } from "@stack-2025/byok-crypto";
import { parseInput, useOptions, type Provider, type Scope, type VendorRequest } from "@stack-2025/byok-core/internal";
import type { Owner, UseOptions } from "@stack-2025/byok-core";

const credentialPlaces = ["authorization", "x-api-key", "x-goog-api-key", "api-key"] as const;
const tokenInText = /byok_[0-9a-f]{32}_[\w-]{43}_[0-9a-f]{8}/;

/** The token that was presented to this provider; undefined where there is none in its place, or another one elsewhere. */
export function presentedToken(provider: Provider, request: VendorRequest): string | undefined {
  const token = provider.presentedToken(request);
  if (token === null) return undefined;
  const elsewhere = [...credentialPlaces.map((name) => request.headers[name] ?? ""), request.path.slice(request.path.indexOf("?") + 1)];
  const others = elsewhere.map((text) => tokenInText.exec(text)?.[0]).filter((other) => other !== undefined && other !== token);
  return others.length === 0 ? token : undefined;
}

/**
 * The owner of a call.
 *
 * @throws InvalidInputError a service-wide token came without an owner, or with two
 */
export function ownerOf(scope: Scope, headers: Readonly<Record<string, string>>): Owner {
  const userId = textOf(headers["byok-user"]);
  const organizationId = textOf(headers["byok-organization"]);
  if (userId !== undefined && organizationId !== undefined) throw headerFault("byok-user", "and BYOK-Organization are both there; send one of them");
  if (userId !== undefined) return { userId };
  if (organizationId !== undefined) return { organizationId };
  const { access } = scope;
  if (access.kind !== "token") throw new PermissionDeniedError("The proxy takes service tokens.");
  if (access.owner === null) throw headerFault("byok-user", "is missing: this token is bound to no owner, so name one in BYOK-User or BYOK-Organization");
  return access.owner;
}

/** `BYOK-Environment`, `-Model`, `-Key`, `-Label` and `-Fallback: none`. @throws InvalidInputError naming the header */
export function optionsOf(headers: Readonly<Record<string, string>>): UseOptions {
  const fallback = headers["byok-fallback"];
  if (fallback !== undefined && fallback.toLowerCase() !== "none") throw headerFault("byok-fallback", "takes none alone");
  const named = {
    environment: textOf(headers["byok-environment"]),
    model: textOf(headers["byok-model"]),
    keyId: textOf(headers["byok-key"]),
    label: textOf(headers["byok-label"]),
  };
  const given = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
  return parseInput(useOptions, { ...given, ...(fallback !== undefined && { fallbackToSystem: false }) });
}

function headerFault(name: string, message: string): InvalidInputError {
  return new InvalidInputError(`${name.replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()).replace("Byok", "BYOK")} ${message}.`, { issues: [{ path: name, message }] });
}

/** Header values come as one character a byte; people's ids are UTF-8 in them. What is no UTF-8 stays as it is. */
function textOf(value: string | undefined): string | undefined {
  if (value === undefined || /^[\x20-\x7e]*$/.test(value)) return value;
  const utf8 = Buffer.from(value, "latin1").toString("utf8");
  return utf8.includes("\ufffd") ? value : utf8;
}
