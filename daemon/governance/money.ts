/** Nano-dollars as a person reads them. */

/** `$1.25`, `$0.000012`: at least two decimals, no trailing zeros beyond them, exact. */
export function formatDollars(nano: number): string {
  const sign = nano < 0 ? "-" : "";
  const whole = Math.floor(Math.abs(nano) / 1e9);
  const fraction = String(Math.abs(nano) % 1e9)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${sign}$${whole}.${fraction.padEnd(2, "0")}`;
}

/** The same without the sign, for a header: `0.000012`. */
export function dollars(nano: number): string {
  return formatDollars(nano).replace("$", "");
}
