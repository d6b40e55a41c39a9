/**
 * Money is whole nanodollars in a bigint: sums stay exact, and a float never meets an amount. Text is the form outside:
 * decimal USD without an exponent.
 */

const nanosPerUsd = 1_000_000_000n;
const decimal = /^(\d+)(?:\.(\d+))?(?:e([+-]\d{1,3}))?$/;

/**
 * Nanodollars of an amount in USD, rounded half to even at the ninth decimal. A number means the decimal that it prints
 * as, so `0.1` is a tenth.
 *
 * @throws RangeError the amount is negative, not finite, or no decimal number
 */
export function toNanos(usd: string | number): bigint {
  const match = decimal.exec(String(usd));
  if (!match) throw new RangeError("an amount in USD must be a decimal number that is not negative");
  const [, whole = "", fraction = "", exponent = "0"] = match;
  const digits = BigInt(whole + fraction);
  // digits × 10^shift is the amount in nanodollars.
  const shift = 9 + Number(exponent) - fraction.length;
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  const divisor = 10n ** BigInt(-shift);
  const quotient = digits / divisor;
  const twiceRest = (digits % divisor) * 2n;
  const up = twiceRest > divisor || (twiceRest === divisor && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
}

/** The amount in USD as exact decimal text: `0`, `12.5`, `-0.000000001`; no exponent, no trailing zeros. */
export function toUsd(nanos: bigint): string {
  const size = nanos < 0n ? -nanos : nanos;
  const fraction = (size % nanosPerUsd).toString().padStart(9, "0").replace(/0+$/, "");
  return `${nanos < 0n ? "-" : ""}${size / nanosPerUsd}${fraction && `.${fraction}`}`;
}
