/**
 * What a proxied request is for, read from the raw target: before any library has decoded, joined or tidied it, since each
 * does so in its own way and the provider in yet another (SECURITY S-71).
 */
import { HttpError } from "../http-error.ts";

export interface ProxyTarget {
  /** As written; not yet known to be a provider of ours. */
  provider: string;
  /** Pathname and query as the provider knows them. */
  path: string;
}

export const proxyPrefix = "/proxy/";

/** Splits `/proxy/{provider}/…`; checks nothing but that the target begins so. */
export function splitTarget(rawTarget: string): ProxyTarget {
  const rest = rawTarget.slice(proxyPrefix.length);
  const end = rest.search(/[/?]/);
  const provider = end === -1 ? rest : rest.slice(0, end);
  const path = end === -1 ? "/" : rest.slice(end);
  return { provider, path: path.startsWith("?") ? `/${path}` : path };
}

/**
 * Lets a path pass that means one thing to everyone who reads it.
 *
 * @throws HttpError 400 it climbs, hides a separator, holds a control or a character that is not ASCII
 */
export function requirePlainPath(path: string): void {
  if (!/^[\x21-\x7e]*$/.test(path) || path.includes("#")) throw refused("has a character that has to be percent-encoded");
  const mark = path.indexOf("?");
  const pathname = mark === -1 ? path : path.slice(0, mark);
  if (/%(?![0-9a-f]{2})/i.test(pathname)) throw refused("has a % that begins no percent-encoding");
  if (/%(?:0[0-9a-f]|1[0-9a-f]|7f)/i.test(path)) throw refused("has an encoded control character");
  if (/%(?:2e|2f|5c)/i.test(pathname) || pathname.includes("\\")) throw refused("has an encoded dot or slash, or a backslash");
  if (pathname.includes("//")) throw refused("has an empty segment");
  // `..;x` is a parent to servers that take `;x` for a parameter.
  if (pathname.split("/").some((segment) => /^\.{1,2}(?:;|$)/.test(segment))) throw refused("climbs out of where it begins");
}

const refused = (what: string): HttpError => new HttpError(400, `The path ${what}; nothing was sent.`);
