/** The few characters of a secret that are shown, so that its owner recognises it and nobody learns it. */

/** The last 4 characters; of a secret shorter than 16 its last quarter, rounded down. */
export function hintOf(secret: string): string {
  const shown = secret.length < 16 ? Math.floor(secret.length / 4) : 4;
  return shown === 0 ? "" : secret.slice(-shown);
}
