/**
 * Vertex AI's hosts. Each location has its own; the multi-regions have another form, and `global` is the plain one
 * (@google/genai 3.1.0, `ApiClient`). A location becomes part of a host name, so its form is strict.
 */
import { accountOf, googleTokenUri } from "../google/service-account.ts";
import type { KeyData } from "../key-data.ts";

const plain = "aiplatform.googleapis.com";
const multiRegions: ReadonlySet<string> = new Set(["us", "eu"]);
const region = /^[a-z]{2,20}-[a-z]{2,20}\d{1,2}$/;

export function isLocation(location: string): boolean {
  return location === "global" || multiRegions.has(location) || region.test(location);
}

function hostOf(location: string): string {
  if (location === "global") return plain;
  return multiRegions.has(location) ? `aiplatform.${location}.rep.googleapis.com` : `${location}-${plain}`;
}

export const locationOf = (keyData: KeyData<"vertex">): string => ("serviceAccount" in keyData ? keyData.location : undefined) ?? "global";

/** The project that calls are made in; undefined for an express key, which has one that it does not tell. */
export function projectOf(keyData: KeyData<"vertex">): string | undefined {
  return "serviceAccount" in keyData ? (keyData.project ?? accountOf(keyData.serviceAccount).projectId) : undefined;
}

/** A path that names a location is that location's; the token endpoint is Google's own. */
export function originOf(keyData: KeyData<"vertex">, path: string): string {
  if (path === "/token") return new URL(googleTokenUri).origin;
  if (!("serviceAccount" in keyData)) return `https://${plain}`;
  const named = /^\/v1\w*\/projects\/[^/]+\/locations\/([^/:?]+)/.exec(path)?.[1];
  return `https://${hostOf(named !== undefined && isLocation(named) ? named : locationOf(keyData))}`;
}

export function ownsHost(hostname: string): boolean {
  if (hostname === plain || hostname === hostOf("us") || hostname === hostOf("eu")) return true;
  return hostname.endsWith(`-${plain}`) && region.test(hostname.slice(0, -plain.length - 1));
}
