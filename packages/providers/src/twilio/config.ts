/**
 * Arguments of Twilio's SDK, for `twilio(c.username, c.password, c)`. A missing password would be taken from the
 * environment, and so would region and edge: only a text keeps the SDK from reading them (`??`), and the empty one means
 * none (twilio 6.2.0, `BaseTwilio`). It has no base URL; an operator's override goes in by its HTTP hook.
 */
import { loginOf } from "./authorize.ts";
import { locationOf } from "./hosts.ts";
import type { KeyData, ProviderConfig } from "../key-data.ts";

export function sdkConfig(keyData: KeyData<"twilio">): ProviderConfig<"twilio"> {
  const { region, edge } = locationOf(keyData) ?? { region: "", edge: "" };
  return { ...loginOf(keyData), accountSid: keyData.accountSid, region, edge };
}
