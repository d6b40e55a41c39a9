/**
 * Beginnings that can be only one vendor's. They serve one purpose: a key pasted into the wrong form is named, before it
 * is sent to a vendor that it does not belong to. A prefix never proves a key good; vendors change their formats.
 */

/** Who hands out a secret that begins so, and the providers (by our names) in whose fields it is at home. */
interface KeyPrefix {
  pattern: RegExp;
  /** With its article, as it stands in a sentence: `an Anthropic key`. */
  what: string;
  home: readonly string[];
}

const prefixes: readonly KeyPrefix[] = [
  { pattern: /^sk-ant-/, what: "an Anthropic key", home: ["anthropic"] },
  { pattern: /^sk-or-/, what: "an OpenRouter key", home: ["openrouter"] },
  { pattern: /^sk-(?:proj|svcacct|admin|None)-|^sk-[A-Za-z0-9]+T3BlbkFJ|^ek_/, what: "an OpenAI key", home: ["openai"] },
  { pattern: /^(?:sk|rk|pk)_(?:live|test)_/, what: "a Stripe key", home: [] },
  { pattern: /^whsec_/, what: "a webhook signing secret", home: [] },
  { pattern: /^(?:gh[opsur]_|github_pat_)/, what: "a GitHub token", home: [] },
  { pattern: /^glpat-/, what: "a GitLab token", home: [] },
  { pattern: /^xox[abeoprs]-|^xapp-/, what: "a Slack token", home: [] },
  { pattern: /^(?:AKIA|ASIA)[A-Z0-9]{16}$/, what: "an AWS access key id", home: [] },
  { pattern: /^AIza|^ya29\.|^AQ\./, what: "a Google key", home: ["gemini", "vertex", "google_speech"] },
  { pattern: /^hf_[A-Za-z]/, what: "a Hugging Face token", home: [] },
  { pattern: /^gsk_[A-Za-z0-9]/, what: "a Groq key", home: [] },
  { pattern: /^xai-/, what: "an xAI key", home: [] },
  { pattern: /^SG\.[A-Za-z0-9_-]{10,}\./, what: "a SendGrid key", home: [] },
  { pattern: /^npm_[A-Za-z0-9]{30,}$/, what: "an npm token", home: [] },
  { pattern: /^byok_/, what: "a byok service token", home: [] },
  { pattern: /^KEY[0-9A-Fa-f]{32}_/, what: "a Telnyx key", home: ["telnyx"] },
  { pattern: /^(?:AC|SK)[0-9a-fA-F]{32}$/, what: "a Twilio SID", home: ["twilio"] },
  { pattern: /^-----BEGIN (?:OPENSSH|RSA|DSA|EC) PRIVATE KEY/, what: "an SSH private key", home: [] },
  { pattern: /^-----BEGIN /, what: "a PEM file", home: [] },
  { pattern: /^(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\S+) /, what: "an SSH public key", home: [] },
  { pattern: /^\s*\{\s*"/, what: "a JSON document, such as a service account", home: [] },
];

/** What the text is beyond doubt, where that is no secret of `provider`; undefined otherwise. */
export function foreignKey(secret: string, provider: string): string | undefined {
  const found = prefixes.find(({ pattern }) => pattern.test(secret));
  return found && !found.home.includes(provider) ? found.what : undefined;
}
