/**
 * Masks what must not be kept, in the writer's thread, before anything is written. Hides the built-in patterns: each is
 * linear, none backtracks over more than a few dozen characters.
 */
import type { RedactKind } from "../config/telemetry-data.ts";

export type Redactor = (text: string) => string;

/** `mask`: where a match may hold more than what is to be masked. */
type Kind = {
  readonly pattern: RegExp;
  readonly accepts?: (match: string) => boolean;
  readonly mask?: (match: string) => string;
};

const kinds: Readonly<Record<RedactKind, Kind>> = {
  secrets: {
    pattern:
      /\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\bxox[abeprs]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_-]{30,}|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}|\bwhsec_[A-Za-z0-9+/=]{20,}/g,
  },
  emails: { pattern: /[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}/g },
  cards: { pattern: /\d(?:[ -]?\d){12,}/g, mask: maskCards },
  phones: { pattern: /\+\d(?:[ ().-]{0,2}\d){7,14}\b/g },
  ibans: { pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g, accepts: isIban },
};

export function createRedactor(chosen: readonly RedactKind[], more: readonly Redactor[] = []): Redactor {
  const own = chosen.map((name): Redactor => {
    const word = `[${name.replace(/s$/, "")}]`;
    const { pattern, accepts = () => true, mask = (match) => (accepts(match) ? word : match) } = kinds[name];
    return (text) => text.replace(pattern, mask);
  });
  const all = [...own, ...more];
  return (text) => all.reduce((masked, redact) => redact(masked), text);
}

/** Patterns of the config, in linear time. Throws where one is no pattern. */
export async function patternRedactors(patterns: readonly string[]): Promise<readonly Redactor[]> {
  if (patterns.length === 0) return [];
  const { RE2JS } = await import("re2js");
  return patterns.map((text) => {
    const pattern = RE2JS.compile(text);
    return (given) => pattern.matcher(given).replaceAll("[redacted]");
  });
}

/** Digits of groups that passes Luhn's check, wherever it begins and ends in a longer run of groups. */
function maskCards(run: string): string {
  const groups = run.split(/(?<=[ -])|(?=[ -])/);
  for (let from = 0; from < groups.length; from++) {
    if (!/^\d/.test(groups[from]!)) continue;
    let text = "";
    for (let to = from; to < groups.length && text.length < cardCharactersMax; to++) {
      text += groups[to];
      const digits = text.replaceAll(/\D/g, "").length;
      if (digits < 13 || digits > 19 || /\D$/.test(text) || !isCardNumber(text)) continue;
      return `${groups.slice(0, from).join("")}[card]${maskCards(groups.slice(to + 1).join(""))}`;
    }
  }
  return run;
}

/** 19 digits, each with a separator. */
const cardCharactersMax = 38;

/** Luhn's check. */
function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/\D/g, "");
  let sum = 0;
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** ISO 7064, mod 97. */
function isIban(text: string): boolean {
  const compact = text.replaceAll(" ", "");
  const moved = compact.slice(4) + compact.slice(0, 4);
  let rest = 0;
  for (const character of moved) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}
