/** Nano-dollars as a person reads them. */

/** `$1.25`, `$0.000012`: at least two decimals, no trailing zeros beyond them, exact. */
export function formatDollars(nano: number): string {
  return `${nano < 0 ? "-" : ""}$${decimal(Math.abs(nano))}`;
}

/** The same without the sign, for a header: `0.000012`. */
export function dollars(nano: number): string {
  return nano < 0 ? `-${decimal(-nano)}` : decimal(nano);
}

function decimal(nano: number): string {
  if (nano === 0) return "0.00";
  const digits = String(nano).padStart(10, "0");
  let end = digits.length;
  const centsEnd = end - 7;
  while (end > centsEnd && digits.charCodeAt(end - 1) === 0x30) end--;
  return `${digits.slice(0, -9)}.${digits.slice(-9, digits.length === end ? undefined : end - digits.length)}`;
}
