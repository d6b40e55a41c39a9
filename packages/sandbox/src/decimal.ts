/** An amount in units of 10⁻ᵖˡᵃᶜᵉˢ as a decimal, exactly and without zeros at its end: `decimal(510, 5)` is `0.0051`. */
export function decimal(units: number, places: number): string {
  const digits = String(units).padStart(places + 1, "0");
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/\.?0+$/, "");
}
