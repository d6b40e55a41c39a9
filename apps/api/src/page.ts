/** The page at `/` until the console is there: what this service is, and how one will sign in. */

export const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
} as const;

export const stylesheet = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 44rem; margin: 3rem auto; padding: 0 1rem }
code { font-family: ui-monospace, monospace; font-size: 0.9em }
li { margin: 0.25rem 0 }
`;

/** @param proxyUrl the address that stands before `{provider}`, with a slash at its end */
export function page(proxyUrl: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>byok</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<main>
<h1>byok</h1>
<p>This service keeps the provider API keys that a product's customers bring: stored sealed, used in order, limited and counted.</p>
<ul>
<li><code>${text(proxyUrl)}openai/v1</code>, and the like for the other providers: the provider's own API with the customer's key put in. Give an official SDK this base URL and a byok token as its key.</li>
<li><code>/trpc</code>: the typed procedures, for <code>createByokClient</code> of <code>@stack-2025/byok-client</code>.</li>
<li><a href="/healthz"><code>/healthz</code></a> and <a href="/readyz"><code>/readyz</code></a>: liveness and readiness.</li>
</ul>
<h2>Signing in</h2>
<p>The console comes to this page in a later version, and you will sign in to it here. Until then <code>byok keys add</code>, <code>byok keys list</code> and
<code>byok token create</code> do its work on the command line.</p>
</main>
</body>
</html>
`;
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const text = (value: string): string => value.replaceAll(/[&<>"']/g, (character) => entities[character] ?? "");
