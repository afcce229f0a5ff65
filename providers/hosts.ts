/**
 * Where each provider lives and how it wants to be spoken to, as data. Hides every vendor's base URL, credential
 * header and oddity from the daemon: a new OpenAI-compatible provider is one row here and one line in the test.
 */
import type { DialectId } from "./exchange.ts";
import { compatibles } from "./hosts/compatible.ts";
import { compatible, generic, type Host } from "./hosts/host.ts";
import { locals } from "./hosts/local.ts";
import { native } from "./hosts/native.ts";

export type { Endpoint, Host } from "./hosts/host.ts";

const rows: readonly Host[] = [
  ...native,
  compatible("echo", "echo:", [], { auth: { kind: "none" }, free: true }),
  compatible("echo-paid", "echo:", [], {
    auth: { kind: "none" },
    price: { input: 1, output: 5, cacheRead: 0.1, cacheWrite5m: 1.25, cacheWrite1h: 2 },
  }),
  generic["openai-chat"],
  ...compatibles,
  ...locals,
];

/** By name. To speak to a provider use `hostFor`, which minds the dialect it was configured with. */
export const hosts: Readonly<Record<string, Host>> = Object.fromEntries(rows.map((row) => [row.name, row]));

/** What runs inside the daemon, is always offered, and keeps its name to itself. */
export const builtInHosts: readonly Host[] = rows.filter((row) => row.baseUrl === "echo:");

/**
 * The row a provider is spoken to by. Where the host serves the dialect beside its usual one, what is served in it comes
 * first. A host configured with a dialect that its row does not tell of keeps its name, and everything else is what is
 * usual for that dialect.
 */
export function hostFor(name: string, dialect: DialectId): Host {
  const row = Object.hasOwn(hosts, name) ? hosts[name] : undefined;
  if (row?.dialect === dialect) return row;
  const usual = generic[dialect];
  if (row === undefined) return usual;
  if (!row.operations.chat?.some((endpoint) => endpoint.dialect === dialect)) {
    const { instead: _instead, ...kept } = row; // what it says is of its own language
    return { ...kept, ...usual, name: row.name, environment: row.environment };
  }
  const sorted = Object.entries(row.operations).map(([operation, endpoints]) => [
    operation,
    endpoints.toSorted((a, b) => Number(b.dialect === dialect) - Number(a.dialect === dialect)),
  ]);
  return { ...row, dialect, operations: Object.fromEntries(sorted) as Host["operations"] };
}
