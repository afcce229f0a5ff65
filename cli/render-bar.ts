/** A bar of text, in eighths of a column. Hides rounding: what is not nothing always shows. */

const eighthsAcross = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

export function textBar(share: number, columns: number): string {
  const eighths = share <= 0 ? 0 : Math.max(1, Math.round(Math.min(1, share) * columns * 8));
  return "█".repeat(Math.floor(eighths / 8)) + eighthsAcross[eighths % 8]!;
}
