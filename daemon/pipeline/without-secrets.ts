/** Our own credentials are in nothing that a caller gets to see. */
import type { Provider } from "../routing/generation.ts";

const secretHeader = /auth|key|token|secret|cookie|password|credential/i;

/** Servers quote the key that they refuse; to a caller it is none of theirs. */
export function withoutSecrets(message: string, { data, credentials }: Provider): string {
  const keys = data.credentials.map(({ value }) => value);
  // Headers that the config adds: a provider that repeats one leaves out how it is used, as in `Bearer …`.
  const carried = Object.entries(data.headers)
    .filter(([name]) => secretHeader.test(name))
    .flatMap(([, value]) => [value, value.slice(value.indexOf(" ") + 1)]);
  const held = credentials.flatMap(({ authorizer }) => authorizer?.secrets() ?? []);
  return [...keys, ...carried, ...held].reduce(
    (text, secret) => (secret === "" ? text : text.replaceAll(secret, "[our credential]")),
    message,
  );
}
