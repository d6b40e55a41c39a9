// In a process of its own: a vendor that answers at once and always the same, so that what is measured is what stands before it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const usage = { prompt_tokens: 20, completion_tokens: 30, total_tokens: 50 };
const whole = JSON.stringify({
  id: "chatcmpl-bench", object: "chat.completion", created: 1_764_000_000, model: "gpt-4o-mini",
  choices: [{ index: 0, message: { role: "assistant", content: "word ".repeat(120).trim() }, finish_reason: "stop" }],
  usage,
});
const chunk = (delta: object, more: object = {}): string =>
  `data: ${JSON.stringify({ id: "chatcmpl-bench", object: "chat.completion.chunk", created: 1_764_000_000, model: "gpt-4o-mini", choices: [{ index: 0, delta, finish_reason: null }], ...more })}\n\n`;
const events = [
  ...Array.from({ length: 60 }, () => chunk({ content: "word " })),
  `data: ${JSON.stringify({ id: "chatcmpl-bench", object: "chat.completion.chunk", created: 1_764_000_000, model: "gpt-4o-mini", choices: [], usage })}\n\n`,
  "data: [DONE]\n\n",
];

const server = createServer((request, response) => {
  const body: Buffer[] = [];
  request.on("data", (part: Buffer) => body.push(part));
  request.on("end", () => {
    if (!Buffer.concat(body).includes('"stream":true')) {
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(whole) }).end(whole);
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of events) response.write(event);
    response.end();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
