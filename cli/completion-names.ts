/** Names that a running daemon knows, for completion. Hides where each kind is listed, and which names a shell can take. */
import type { AlertsAnswer } from "../daemon/admin/contract/alerts.ts";
import type { ConfigHistoryAnswer } from "../daemon/admin/contract/config.ts";
import type { ProvidersAnswer } from "../daemon/admin/contract/daemon.ts";
import type { KeyListAnswer } from "../daemon/admin/contract/keys.ts";
import type { LogsAnswer } from "../daemon/admin/contract/logs.ts";
import type { ModelsAnswer } from "../daemon/admin/contract/models.ts";
import type { OwnerListAnswer } from "../daemon/admin/contract/owners.ts";
import type { TokenListAnswer } from "../daemon/admin/contract/tokens.ts";
import type { Client } from "./client.ts";

type Named = { readonly name: string | null; readonly id?: string };
type List = (client: Client) => Promise<readonly Named[]>;

/** More than anybody reads; with more typed the shell finds the rest only where it is among these. */
const namesMax = 1_000;
const requestsMax = 50;
const query = { limit: namesMax };

/** By the word that stands in `<…>` of an argument, and the name of an option. */
const lists: Readonly<Record<string, List>> = {
  key: async (client) => (await client.call<KeyListAnswer>("GET", "/api/keys", { query })).keys,
  customer: owners("customers"),
  team: owners("teams"),
  user: owners("users"),
  "end-user": owners("end-users"),
  tag: owners("tags"),
  limit: owners("model-configs"),
  token: async (client) => (await client.call<TokenListAnswer>("GET", "/api/tokens", { query })).tokens,
  channel: async (client) => (await client.call<AlertsAnswer>("GET", "/api/alerts")).channels,
  provider: async (client) => (await client.call<ProvidersAnswer>("GET", "/api/providers")).providers,
  model: async (client) =>
    (await client.call<ModelsAnswer>("GET", "/api/models")).models.map(({ id }) => ({ name: id })),
  "request-id": async (client) =>
    (await client.call<LogsAnswer>("GET", "/api/logs", { query: { limit: requestsMax } })).rows.map(({ id }) => ({
      name: id,
    })),
  generation: async (client) =>
    (await client.call<ConfigHistoryAnswer>("GET", "/api/config/history")).versions.map(({ generation }) => ({
      name: String(generation),
    })),
  owner: async (client) => {
    const kinds = ["key", "team", "customer", "user"];
    const found = await Promise.all(kinds.map((kind) => namesOf(client, kind)));
    return kinds.flatMap((kind, index) => found[index]!.map((name) => ({ name: `${kind}:${name}` })));
  },
};

/** `keys` and `<keys...>` → `key`; undefined: the daemon has no list of that. */
export function kindOf(word: string): string | undefined {
  return [word, word.replace(/s$/, "")].find((kind) => Object.hasOwn(lists, kind));
}

/** Options whose value is such a name; `--limit` is none. */
const options = new Set(["key", "customer", "team", "user", "provider", "model", "models"]);

export function optionKindOf(name: string): string | undefined {
  return options.has(name) ? kindOf(name) : undefined;
}

/** A name that a shell would take apart, or take for a command, is told by its id. */
export async function namesOf(client: Client, kind: string): Promise<readonly string[]> {
  const found = (await lists[kind]?.(client)) ?? [];
  return found.flatMap(({ name, id }) => [name, id].find(isPlain) ?? []);
}

function isPlain(text: string | null | undefined): text is string {
  return typeof text === "string" && /^[\p{L}\p{N}_@%+.,/:-]+$/u.test(text) && !text.startsWith("-");
}

function owners(path: string): List {
  return async (client) => (await client.call<OwnerListAnswer>("GET", `/api/governance/${path}`, { query })).owners;
}
