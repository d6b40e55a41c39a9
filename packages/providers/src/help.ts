/** What a customer has to know of a provider: the same words stand in forms and in the docs, so that they cannot drift apart. */
export interface ProviderHelp {
  /** The vendor's page where keys are made. */
  keyUrl: string;
  /** How to get a key there. */
  find: string;
  /** The least that the key has to be allowed. */
  permissions: string;
  /** How a key is checked: free, and changing nothing. */
  checked: string;
  counted: string;
  /** What to know before relying on it; a sentence each. */
  limits: readonly string[];
  rotate: string;
}
