/** Addresses that a customer wants us to call: never one inside our own network. */
import { lookup } from "node:dns/promises";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import ipaddr from "ipaddr.js";

/** A name server that does not answer is no reason to refuse: the address is checked again at each delivery. */
const longestLookupMs = 2_000;

/**
 * Lets an https address on a public host pass, without credentials in it. Where private ones are allowed, http passes too.
 *
 * @throws InvalidInputError naming `path`, never the address
 */
export async function requirePublicUrl(path: string, text: string, allowPrivate: boolean): Promise<void> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== "https:" && !(allowPrivate && url.protocol === "http:"))) throw refused(path, "must be an https address");
  if (url.username !== "" || url.password !== "") throw refused(path, "must not hold a user name or password");
  if (allowPrivate) return;
  // WHATWG parsing has made 127.1, 0x7f.1 and 2130706433 one spelling already.
  const host = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (ipaddr.isValid(host)) {
    if (!isPublic(host)) throw refused(path, "must be a public address");
    return;
  }
  if (!host.includes(".") || /\.(?:localhost|local|internal|lan|home\.arpa|invalid|test)$/i.test(host)) throw refused(path, "must be a public host");
  for (const address of await addressesOf(host)) if (!isPublic(address)) throw refused(path, "must be a host whose addresses are all public");
}

/** Loopback, private, link-local, carrier-grade, mapped and translated addresses are not. */
export function isPublic(address: string): boolean {
  return ipaddr.process(address).range() === "unicast";
}

async function addressesOf(host: string): Promise<string[]> {
  const found = lookup(host, { all: true, verbatim: true }).then(
    (all) => all.map(({ address }) => address),
    // Not resolvable now: checked again when something is sent.
    () => [],
  );
  const late = new Promise<string[]>((resolve) => setTimeout(resolve, longestLookupMs, []).unref());
  return Promise.race([found, late]);
}

function refused(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`${path}: ${message}`, { issues: [{ path, message }] });
}
