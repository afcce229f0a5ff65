/**
 * The providers that another gateway's models are reached through. Hides that deployments with the same address and
 * credential are one provider here, and what each is called.
 */

import { builtInHosts, hosts } from "../../providers/hosts.ts";
import type { Path } from "../config/problems.ts";
import type { Draft } from "./draft.ts";
import { lookUp } from "./draft.ts";
import type { Report } from "./report.ts";

export type AccountSpec = {
  /** Known host, or undefined for a server of one's own. */
  readonly host: string | undefined;
  /** What the provider is called if nothing else is. */
  readonly name: string;
  /** Settings of the entry other than its models. */
  readonly entry: Readonly<Record<string, unknown>>;
};

export type Accounts = {
  /** The provider's name here; the same for the same account. */
  take(spec: AccountSpec, path: Path): string;
  /** A model that may be called there, and what the account calls it. */
  offer(provider: string, model: string, deployment?: string): void;
  /** Any model may be called there. */
  open(provider: string): void;
  /** Those that are accounts of a host. */
  of(host: string): readonly string[];
  write(): void;
};

type Account = {
  readonly spec: AccountSpec;
  readonly models: Set<string>;
  readonly deployments: Map<string, string>;
  open: boolean;
};

export function createAccounts(draft: Draft, report: Report): Accounts {
  const accounts = new Map<string, Account>();
  const names = new Map<string, string>();

  function take(spec: AccountSpec, path: Path): string {
    const identity = JSON.stringify([spec.host, spec.entry]);
    const known = names.get(identity);
    if (known !== undefined) return known;
    const slug = slugOf(spec.name);
    const base = isBuiltIn(slug) ? `own-${slug}` : slug;
    let name = base;
    for (let count = 2; accounts.has(name); count += 1) name = `${base}-${count}`;
    names.set(identity, name);
    accounts.set(name, { spec, models: new Set(), deployments: new Map(), open: false });
    needUsual(spec, path, report);
    return name;
  }

  function write(): void {
    for (const [name, { spec, models, deployments, open }] of accounts) {
      const { host } = spec;
      draft.set(["providers", name], {
        ...(host === undefined || host === name ? {} : { host }),
        ...spec.entry,
        // Who could call only what was listed shall not call more.
        ...(open ? {} : { models: [...models], any_model: false }),
        ...(deployments.size === 0 ? {} : { deployments: Object.fromEntries(deployments) }),
      });
    }
  }

  return {
    take,
    offer(provider, model, deployment) {
      const account = accounts.get(provider)!;
      account.models.add(model);
      if (deployment !== undefined && deployment !== model) account.deployments.set(model, deployment);
    },
    open(provider) {
      accounts.get(provider)!.open = true;
    },
    of: (host) => [...accounts].flatMap(([name, { spec }]) => (spec.host === host ? [name] : [])),
    write,
  };
}

/** Always there, and nobody's account. */
export function isBuiltIn(host: string): boolean {
  return builtInHosts.some(({ name }) => name === host);
}

/** A provider without a key of its own reads the host's usual variable. */
function needUsual({ host, entry }: AccountSpec, path: Path, report: Report): void {
  const row = host === undefined ? undefined : lookUp(hosts, host);
  const [usual] = row?.environment ?? [];
  if (usual === undefined || row?.identity !== undefined) return;
  if (["api_key", "keys", "base_url"].every((key) => !Object.hasOwn(entry, key))) report.needs(usual, path);
}

function slugOf(name: string): string {
  const slug = name.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+|[-.]+$/g, "");
  return slug.slice(0, 56) || "provider";
}
