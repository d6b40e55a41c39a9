import { WebSocket } from "ws";
import { isObject, type JsonObject, parseJson } from "./dialect.ts";

export interface Talk {
  /** The JSON that was heard, in order. */
  readonly texts: readonly JsonObject[];
  /** How many binary frames were none. */
  readonly sounds: number;
  readonly code: number;
  readonly reason: string;
  /** The subprotocol that the answer took. */
  readonly protocol: string;
}

/**
 * Talks over a WebSocket until it is closed. `say` is called with `{ type: "open" }` and then with each text.
 *
 * @throws Error of a refused handshake: its message ends with the status, its `headers` and `body` are the answer's
 */
export function talk(
  url: string,
  options: { protocols?: string[]; headers?: Record<string, string> },
  say: (socket: WebSocket, heard: JsonObject) => void,
): Promise<Talk> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, options.protocols ?? [], { headers: options.headers ?? {} });
    const texts: JsonObject[] = [];
    let sounds = 0;
    socket.on("open", () => say(socket, { type: "open" }));
    socket.on("message", (data: Buffer, binary) => {
      const text = binary ? undefined : parseJson(data.toString("utf8"));
      if (!isObject(text)) {
        sounds += 1;
        return;
      }
      texts.push(text);
      say(socket, text);
    });
    socket.on("unexpected-response", (_request, response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8");
        reject(Object.assign(new Error(`refused ${response.statusCode ?? 0}`), { headers: response.headers, body }));
      });
    });
    socket.on("error", reject);
    socket.on("close", (code, reason) =>
      resolve({ texts, sounds, code, reason: reason.toString("utf8"), protocol: socket.protocol }),
    );
  });
}
