// Loaded before a program (`node --import`): TLS connections to the vendors' host names go to the front on the loopback, in plain
// text. Any other host is refused, so a test can never spend a real account.
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import tls from "node:tls";

const port = Number(process.env["TEST_VENDOR_FRONT"]);
const vendors = /(?:^|\.)(openai|anthropic|twilio)\.com$/;

function connect(...args: unknown[]): net.Socket {
  const options = args.find((arg): arg is tls.ConnectionOptions => typeof arg === "object" && arg !== null) ?? {};
  const host = String(options.servername || options.host || "");
  if (!vendors.test(host)) throw new Error(`this program may not reach ${host}`);
  const socket = net.connect({ host: "127.0.0.1", port });
  // What callers look at on a TLS socket.
  Object.assign(socket, { encrypted: true, authorized: true, alpnProtocol: "http/1.1", getSession: () => undefined, isSessionReused: () => false });
  socket.once("connect", () => socket.emit("secureConnect"));
  const listener = args.at(-1);
  if (typeof listener === "function") socket.once("secureConnect", () => listener());
  return socket;
}

tls.connect = connect as typeof tls.connect;
syncBuiltinESMExports();
