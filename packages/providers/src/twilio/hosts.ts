/**
 * Twilio's hosts. A regional one needs both parts, edge and region (`api.dublin.ie1.twilio.com`): the short form with the
 * region alone was announced to end on 2026-04-28, yet it is what the SDK builds from a region without an edge
 * (twilio 6.2.0, `BaseTwilio.getHostname`). So one completes the other here.
 */
import type { KeyData } from "../key-data.ts";

export const twilioRegions = ["us1", "ie1", "au1", "jp1", "br1", "de1", "sg1", "us2"] as const;
export const twilioEdges = ["ashburn", "dublin", "sydney", "tokyo", "sao-paulo", "frankfurt", "singapore", "umatilla"] as const;

/** The edge beside each region; us1 is the SDK's region for an edge alone. */
const edgeOf: ReadonlyMap<string, string> = new Map(twilioRegions.map((region, index) => [region, twilioEdges[index] ?? "ashburn"]));

/** Region and edge of the key, each completed by the other; null: the plain hosts. */
export function locationOf({ region, edge }: KeyData<"twilio">): { region: string; edge: string } | null {
  if (region === undefined && edge === undefined) return null;
  return { region: region ?? "us1", edge: edge ?? edgeOf.get(region ?? "us1") ?? "ashburn" };
}

const products = ["api", "accounts", "iam", "pricing", "messaging"] as const;
type Product = (typeof products)[number];

/** Paths that only one of the further hosts has. Whatever is not known to be elsewhere is the API's. */
const elsewhere: readonly [pattern: RegExp, product: Product][] = [
  [/^\/v1\/(?:AuthTokens|Credentials|SafeList|Consents|Contacts)(?:[/?]|$)/, "accounts"],
  [/^\/v1\/(?:Keys|GetKeys)(?:[/?]|$)/, "iam"],
  [/^\/v1\/(?:Messaging|PhoneNumbers|Voice)\/Countries(?:[/?]|$)/, "pricing"],
  [/^\/v2\/(?:Voice|Trunking)\/(?:Countries|Numbers)(?:[/?]|$)/, "pricing"],
  [/^\/v1\/(?:Services|a2p|Deactivations|LinkShortening|Tollfree)(?:[/?]|$)/, "messaging"],
];

/** The origin for this key and path. */
export function originOf(keyData: KeyData<"twilio">, path: string): string {
  const product = elsewhere.find(([pattern]) => pattern.test(path))?.[1] ?? "api";
  const location = locationOf(keyData);
  return `https://${product}${location ? `.${location.edge}.${location.region}` : ""}.twilio.com`;
}

const hosts: ReadonlySet<string> = new Set(
  products.flatMap((product) => [
    `${product}.twilio.com`,
    ...twilioEdges.flatMap((edge) => twilioRegions.map((region) => `${product}.${edge}.${region}.twilio.com`)),
  ]),
);

export function ownsHost(hostname: string): boolean {
  return hosts.has(hostname);
}
