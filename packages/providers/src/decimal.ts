/**
 * Exact decimal arithmetic for rates and amounts. A float never takes part: a number stands for the decimal that it
 * prints as, so `0.1` is a tenth.
 */

/** `digits × 10^-scale`; `scale` is not negative. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

export const zero: Decimal = { digits: 0n, scale: 0 };

const pattern = /^(-?)(\d{1,60})(?:\.(\d{1,60}))?(?:e([+-]?\d{1,3}))?$/i;

/** The decimal that a text or a number is; undefined where it is none. */
export function decimal(value: unknown): Decimal | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const match = pattern.exec(String(value));
  if (!match) return undefined;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const digits = BigInt(`${sign}${whole}${fraction}`);
  const scale = fraction.length - Number(exponent);
  return scale < 0 ? { digits: digits * 10n ** BigInt(-scale), scale: 0 } : { digits, scale };
}

/** As {@link decimal}, for what is written in our own sources. @throws RangeError it is no decimal */
export function exactly(value: string | number): Decimal {
  const exact = decimal(value);
  if (!exact) throw new RangeError("a rate has to be a decimal number");
  return exact;
}

export function plus(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  const at = ({ digits, scale: own }: Decimal): bigint => digits * 10n ** BigInt(scale - own);
  return { digits: at(a) + at(b), scale };
}

export const times = (a: Decimal, b: Decimal): Decimal => ({ digits: a.digits * b.digits, scale: a.scale + b.scale });

export const absolute = ({ digits, scale }: Decimal): Decimal => ({ digits: digits < 0n ? -digits : digits, scale });

/** The nearest integer to `amount × 10^places`, a half to the even one. */
export function rounded({ digits, scale }: Decimal, places: number): bigint {
  const shift = places - scale;
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  const divisor = 10n ** BigInt(-shift);
  const size = digits < 0n ? -digits : digits;
  const quotient = size / divisor;
  const twiceRest = (size % divisor) * 2n;
  const up = twiceRest > divisor || (twiceRest === divisor && quotient % 2n === 1n);
  const whole = up ? quotient + 1n : quotient;
  return digits < 0n ? -whole : whole;
}

/** As plain text: `12.5`, `0`, `-0.000000001`; no exponent, no trailing zeros. */
export function decimalText({ digits, scale }: Decimal): string {
  const size = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, "0");
  const whole = size.slice(0, size.length - scale);
  const fraction = size.slice(size.length - scale).replace(/0+$/, "");
  return `${digits < 0n ? "-" : ""}${whole}${fraction && `.${fraction}`}`;
}
