/**
 * Our own credentials are in nothing that a caller gets to see. Hides in how many spellings a server may say one again:
 * as it is, with the escapes of JSON or of a URL, in base64 or hex.
 */
import type { Provider } from "../routing/generation.ts";

const secretHeader = /auth|key|token|secret|cookie|password|credential/i;
const shown = "[our credential]";

/** Servers quote the key that they refuse; to a caller it is none of theirs. */
export function withoutSecrets(message: string, provider: Provider): string {
  return secretsOf(provider).reduce(masked, message);
}

/** Only as they are: for what is long, and nobody's refusal. */
export function withoutPlainSecrets(text: string, provider: Provider): string {
  return secretsOf(provider).reduce((safe, secret) => (secret === "" ? safe : safe.replaceAll(secret, shown)), text);
}

/**
 * Only as they are, in bytes that go by, written over in their own length. What may be the beginning of one is kept until
 * it is known: `push` of the last says so.
 */
export function maskBytes(provider: Provider): (bytes: Buffer, isLast: boolean) => Buffer {
  const secrets = secretsOf(provider)
    .filter(({ length }) => length >= spelledCharactersMin)
    .map((secret) => Buffer.from(secret));
  let kept = Buffer.alloc(0);
  return (bytes, isLast) => {
    let all = kept.length === 0 ? bytes : Buffer.concat([kept, bytes]);
    let open = 0;
    for (const secret of secrets) {
      for (let at = all.indexOf(secret); at >= 0; at = all.indexOf(secret, at)) {
        if (all === bytes) all = Buffer.from(bytes);
        all.fill("*", at, at + secret.length);
      }
      for (let length = Math.min(secret.length - 1, all.length); !isLast && length > open; length--)
        if (all.subarray(-length).equals(secret.subarray(0, length))) open = length;
    }
    kept = Buffer.from(all.subarray(all.length - open));
    return open === 0 ? all : all.subarray(0, -open);
  };
}

function secretsOf({ data, credentials }: Provider): readonly string[] {
  const keys = data.credentials.map(({ value }) => value);
  // Headers that the config adds: a provider that repeats one leaves out how it is used, as in `Bearer …`.
  const carried = Object.entries(data.headers)
    .filter(([name]) => secretHeader.test(name))
    .flatMap(([, value]) => [value, value.slice(value.indexOf(" ") + 1)]);
  const held = credentials.flatMap(({ authorizer }) => authorizer?.secrets() ?? []);
  return [...keys, ...carried, ...held];
}

/** Spellings of shorter ones would be found where they are none. */
const spelledCharactersMin = 8;

function masked(text: string, secret: string): string {
  if (secret === "") return text;
  if (secret.length < spelledCharactersMin) return text.replaceAll(secret, shown);
  return text.replace(spellingsOf(secret), shown);
}

/** Tokens of clouds change by the hour: the oldest is forgotten. */
const patternsMax = 256;
const patterns = new Map<string, RegExp>();

function spellingsOf(secret: string): RegExp {
  const known = patterns.get(secret);
  if (known !== undefined) return known;
  const bytes = Buffer.from(secret, "utf8");
  const letters = [...bytes].map((byte) => {
    const hex = byte.toString(16).padStart(2, "0");
    return `(?:\\\\*\\x${hex}|\\\\+u00${hex}|%(?:25)*${hex})`;
  });
  const spellings = [letters.join(""), bytes.toString("hex"), ...[0, 1, 2].map((before) => inBase64(bytes, before))];
  const pattern = new RegExp(spellings.join("|"), "gi");
  if (patterns.size >= patternsMax) patterns.delete(patterns.keys().next().value!);
  patterns.set(secret, pattern);
  return pattern;
}

/** What is in every base64 of a text with this secret after so many bytes (of three), in either alphabet. */
function inBase64(secret: Buffer, before: number): string {
  const whole = Buffer.concat([Buffer.alloc(before), secret]);
  const first = Math.ceil((before * 8) / 6);
  const end = Math.floor((whole.length * 8) / 6);
  return whole.toString("base64").slice(first, end).replaceAll("+", "[+-]").replaceAll("/", "\\\\*[/_]");
}
