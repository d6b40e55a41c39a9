/** Everything that the rooms above may know of a provider. Vendor codes and shapes stay in the providers' folders. */
export { failure } from "./failure.ts";
export type { Failure, VendorAnswer, Verdict } from "./failure.ts";
export type { ProviderHelp } from "./help.ts";
export { hintOf } from "./hint.ts";
export type { KeyData, KeyMetadata, ProviderConfig, ServiceAccount } from "./key-data.ts";
export { priceBookVersion, priceOf, priceOverrideSchema } from "./price-book.ts";
export type { Price, PriceOptions, PriceOverride } from "./price-book.ts";
export { defineProvider } from "./provider.ts";
export type {
  Ask,
  LaterUsage,
  Meter,
  MeteredCall,
  ProbeOutcome,
  Provider,
  Question,
  Refusal,
  Route,
  RouteClass,
  TokenOutcome,
  VendorRequest,
} from "./provider.ts";
export { ProviderType, providerTypes } from "./provider-type.ts";
export { completeProviders, providerFor } from "./registry.ts";
export { scrub } from "./scrub.ts";
export type { MeteredUsage, StreamEvent, StreamMeter } from "./usage.ts";
export { keysFromVariables } from "./variables.ts";
export type { Variable, VariableKey } from "./variables.ts";
