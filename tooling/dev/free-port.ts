import { once } from "node:events";
import { createServer } from "node:net";
import { listenFault } from "@stack-2025/byok/internal";

/** Looks before the database is made whether the port can be had. @throws ConfigurationError it cannot; the message names PORT */
export async function requireFreePort(settings: { host: string; port: number }): Promise<void> {
  const server = createServer();
  try {
    server.listen(settings.port, settings.host);
    await once(server, "listening");
  } catch (error) {
    throw listenFault(settings, error);
  }
  server.close();
  await once(server, "close");
}
