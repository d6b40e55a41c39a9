// In a process of its own: byok's service as it is, over a PostgreSQL that writes durably, with one key and a token for it.
import { randomBytes } from "node:crypto";
import { startApi } from "@stack-2025/byok-api";
import { BYOKManager, ProviderType } from "@stack-2025/byok-core";
import { coreOf, createServiceToken, silentLogger } from "@stack-2025/byok-core/internal";

const [, , database = "", baseUrl = ""] = process.argv;
const manager = new BYOKManager({ encryptionKey: new Uint8Array(randomBytes(32)), database, providers: { openai: { baseUrl } } });
await manager.addKey({ userId: "bench", provider: ProviderType.OPENAI, keyData: { apiKey: `sk-${randomBytes(30).toString("hex")}` }, validate: "skip" });
const { token } = await createServiceToken(await coreOf(manager), "bench", { name: "bench", scopes: ["keys:use"], owner: { userId: "bench" } });
const api = await startApi({ manager, port: 0, host: "127.0.0.1", logger: silentLogger });
process.send?.({ port: Number(new URL(api.url).port), token });
process.once("SIGTERM", () => {
  void api.close().then(() => manager.close()).then(() => process.exit(0));
});
