/**
 * Owners, keys and limits as the file writes them → as they are stored. Hides spellings of budgets and periods, and
 * that what the file declares may only belong to what the file declares.
 */
import { createHash } from "node:crypto";
import type { LimitMetric, ScopeAttributes } from "../governance/definitions.ts";
import { parseBudget, parseDollars, parseDuration } from "../governance/duration.ts";
import { keyPrefix } from "../governance/keys-format.ts";
import { isPattern, patternFault } from "../governance/model-patterns.ts";
import { limitWindowMsMax } from "../governance/rate-limits.ts";
import { checkWindow } from "../governance/windows.ts";
import type { BudgetInput, LimitInput, ProviderChange } from "../store/commands/command.ts";
import type { Build } from "./build.ts";
import type { DeclaredKey, DeclaredScope, GovernanceData, NameRules, OwnerName } from "./governance-data.ts";
import { credentialFault, entryFault } from "./known-names.ts";
import { nearest, type Path } from "./problems.ts";
import type { Names } from "./references.ts";
import type { ConfigFile } from "./schema.ts";
import { defaults } from "./settings.ts";

type Governance = NonNullable<ConfigFile["governance"]>;
type Numbers = Omit<NonNullable<NonNullable<Governance["end_users"]>["each"]>, never>;
type About = {
  readonly description?: string | undefined;
  readonly metadata?: Record<string, string> | null | undefined;
};
type Rules = About & {
  readonly models?: readonly string[] | undefined;
  readonly blocked?: readonly string[] | undefined;
  readonly disabled?: boolean | undefined;
};

const secretCharactersMin = 20;
const minuteMs = 60_000;

export function buildGovernance(
  governance: Governance,
  zone: string | undefined,
  names: Names,
  build: Build,
): GovernanceData {
  const reader = createReader(governance, names, zone ?? defaults.ledger.zone, build);
  const scopes: DeclaredScope[] = [];
  const at = (...path: Path): Path => ["governance", ...path];
  for (const [name, entry] of Object.entries(governance.customers ?? {}))
    scopes.push(reader.owner("customer", name, undefined, entry ?? {}, at("customers", name)));
  for (const [name, entry] of Object.entries(governance.teams ?? {}))
    scopes.push(
      reader.owner("team", name, reader.parent(entry ?? {}, at("teams", name)), entry ?? {}, at("teams", name)),
    );
  for (const [name, entry] of Object.entries(governance.users ?? {}))
    scopes.push(
      reader.owner("user", name, reader.parent(entry ?? {}, at("users", name)), entry ?? {}, at("users", name)),
    );
  const keys = Object.entries(governance.keys ?? {}).flatMap(([name, entry]) =>
    reader.key(name, entry, at("keys", name)),
  );
  for (const [index, entry] of (governance.model_limits ?? []).entries())
    scopes.push(reader.modelLimit(entry, at("model_limits", index)));
  for (const [provider, entry] of Object.entries(governance.provider_limits ?? {})) {
    reader.checkProvider(provider, at("provider_limits", provider), true);
    const path = at("provider_limits", provider);
    const match = { provider, model: "*" };
    scopes.push({
      ...reader.numbers(entry ?? {}, path),
      kind: "provider_limit",
      name: `${provider}/*`,
      attributes: { ...said(entry ?? {}), match },
    });
  }
  const [endUsers, tags] = [governance.end_users, governance.tags];
  for (const [kind, section, key] of [
    ["end_user", endUsers, "end_users"],
    ["tag", tags, "tags"],
  ] as const) {
    for (const [name, entry] of Object.entries(section?.known ?? {}))
      scopes.push(reader.owner(kind, name, undefined, entry ?? {}, at(key, "known", name)));
  }
  refuseTwice(scopes, build);
  return {
    scopes,
    keys,
    ...(endUsers ? { endUsers: reader.named(endUsers, "x-bifrost-end-user", at("end_users")) } : {}),
    ...(tags ? { tags: reader.named(tags, "x-bifrost-tags", at("tags")) } : {}),
  };
}

function createReader(governance: Governance, names: Names, zone: string, build: Build) {
  const known = { providers: names.providers, standIns: new Set([...names.groups, ...Object.keys(names.aliases)]) };
  const declared = {
    customer: Object.keys(governance.customers ?? {}),
    team: Object.keys(governance.teams ?? {}),
    user: Object.keys(governance.users ?? {}),
    key: Object.keys(governance.keys ?? {}),
  } as const;

  function parent(
    entry: Partial<Record<keyof typeof declared, string | undefined>>,
    path: Path,
  ): OwnerName | undefined {
    const said = (["customer", "team", "user", "key"] as const).filter((kind) => entry[kind] !== undefined);
    if (said.length > 1) {
      const message = `belongs to ${said.join(" and to ")}; the tree has one way up`;
      build.report({ path: [...path, said[1]!], message, atKey: true });
    }
    const [kind] = said;
    if (kind === undefined) return undefined;
    const name = entry[kind]!;
    if (!declared[kind].includes(name)) {
      const message = `there is no ${kind} "${name}" in this file; what the file declares belongs to what it declares`;
      build.report({ path: [...path, kind], message, suggestion: nearest(name, declared[kind]) });
    }
    return { kind, name };
  }

  function checkProvider(provider: string, path: Path, atKey: boolean): void {
    const known = names.providers.map(({ name }) => name);
    if (known.includes(provider) || names.faulty.has(provider)) return;
    build.report({ path, atKey, message: `no provider is called "${provider}"`, suggestion: nearest(provider, known) });
  }

  /** What no schema can say of an entry. */
  function checkEntry(entry: string, path: Path): void {
    const fault = isPattern(entry) ? patternFault(entry) : undefined;
    if (fault !== undefined) build.report({ path, message: `"${entry}" ${fault}` });
    const nothing = names.faulty.has(entry.split("/")[0]!) ? undefined : entryFault(entry, known);
    if (nothing !== undefined) build.warn({ path, ...nothing });
  }

  function checkEntries(list: readonly string[] | undefined, path: Path): void {
    for (const [index, entry] of (list ?? []).entries()) checkEntry(entry, [...path, index]);
  }

  function checkCredentials(provider: string, list: readonly string[] | undefined, path: Path): void {
    for (const [index, credential] of (list ?? []).entries()) {
      const fault = names.faulty.has(provider) ? undefined : credentialFault(provider, credential, known);
      if (fault !== undefined) build.report({ path: [...path, index], ...fault });
    }
  }

  function checkLists(entry: Pick<Rules, "models" | "blocked"> | null | undefined, path: Path): void {
    checkEntries(entry?.models, [...path, "models"]);
    checkEntries(entry?.blocked, [...path, "blocked"]);
  }

  function budgets(written: Numbers["budgets"], path: Path): readonly BudgetInput[] {
    return (written ?? []).flatMap((entry, index) => {
      const at = [...path, "budgets", index];
      const settings = typeof entry === "string" ? { budget: entry } : entry;
      const { budget, calendar = false, shadow = false, start_month: startMonth } = settings;
      try {
        const { limitNano, window } = parseBudget(budget, calendar ? (settings.zone ?? zone) : undefined);
        const shifted = window.kind === "calendar" && startMonth !== undefined ? { ...window, startMonth } : window;
        checkWindow(shifted);
        return [{ limitNano, window: shifted, ...(shadow ? { shadow } : {}) }];
      } catch (error) {
        build.report({ path: at, message: error instanceof Error ? error.message : String(error) });
        return [];
      }
    });
  }

  function limits(written: Numbers, path: Path): readonly LimitInput[] {
    const list: LimitInput[] = [];
    if (written.rpm !== undefined) list.push({ metric: "requests", limit: written.rpm, windowMs: minuteMs });
    if (written.tpm !== undefined) list.push({ metric: "tokens", limit: written.tpm, windowMs: minuteMs });
    for (const [index, entry] of (written.limits ?? []).entries()) {
      const at = [...path, "limits", index];
      const metrics = (["requests", "tokens", "spend"] as const).filter((metric) => entry[metric] !== undefined);
      try {
        const windowMs = parseDuration(entry.every);
        if (metrics.length !== 1) throw new RangeError("needs one of requests, tokens and spend");
        if (windowMs < 1_000 || windowMs > limitWindowMsMax) throw new RangeError("a limit's period is 1s to 366d");
        const metric: LimitMetric = metrics[0]!;
        const limit = metric === "spend" ? parseDollars(String(entry.spend)) : entry[metric]!;
        list.push({ metric, limit, windowMs, ...(entry.shadow ? { shadow: true } : {}) });
      } catch (error) {
        build.report({ path: at, message: error instanceof Error ? error.message : String(error) });
      }
    }
    const seen = new Set(list.map(({ metric, windowMs }) => `${metric} ${windowMs}`));
    if (seen.size < list.length) build.report({ path: [...path, "limits"], message: "two of them count the same" });
    return list;
  }

  function numbers(written: Numbers, path: Path) {
    const { concurrency } = written;
    return {
      budgets: budgets(written.budgets, path),
      limits: limits(written, path),
      ...(concurrency === undefined ? {} : { concurrencyMax: concurrency }),
    };
  }

  function owner(
    kind: DeclaredScope["kind"],
    name: string,
    above: OwnerName | undefined,
    entry: Rules & Numbers,
    path: Path,
  ): DeclaredScope {
    const { models, blocked, disabled } = entry;
    checkLists(entry, path);
    return {
      ...numbers(entry, path),
      kind,
      name,
      ...(above === undefined ? {} : { parent: above }),
      attributes: {
        ...said(entry),
        ...(models === undefined ? {} : { models }),
        ...(blocked?.length ? { blocked } : {}),
        ...(disabled ? { disabled } : {}),
      },
    };
  }

  function modelLimit(entry: NonNullable<Governance["model_limits"]>[number], path: Path): DeclaredScope {
    const { model = "*", provider = "*" } = entry;
    const above = parent(entry, path);
    if (provider !== "*") checkProvider(provider, [...path, "provider"], false);
    checkEntry(model, [...path, "model"]);
    return {
      ...numbers(entry, path),
      kind: "model_limit",
      name: `${provider}/${model}${above === undefined ? "" : ` for ${above.kind} ${above.name}`}`,
      ...(above === undefined ? {} : { parent: above }),
      attributes: { ...said(entry), match: { provider, model } },
    };
  }

  function key(name: string, entry: NonNullable<Governance["keys"]>[string], path: Path): readonly DeclaredKey[] {
    const secret = build.secret(entry.value, [...path, "value"]);
    const above = parent(entry, path);
    checkLists(entry, path);
    const { models = ["*"], blocked, disabled = false, expires, unsupported, raw } = entry;
    const expiresAtMs = expires === undefined ? undefined : Date.parse(expires);
    if (Number.isNaN(expiresAtMs)) build.report({ path: [...path, "expires"], message: "is no date and time" });
    const providers = Object.entries(entry.providers ?? {}).map(([provider, config]): ProviderChange => {
      checkProvider(provider, [...path, "providers", provider], true);
      checkLists(config, [...path, "providers", provider]);
      checkCredentials(provider, config?.keys, [...path, "providers", provider, "keys"]);
      const { weight, models: some, blocked: none, keys } = config ?? {};
      return {
        ...numbers(config ?? {}, [...path, "providers", provider]),
        provider,
        ...(weight === undefined ? {} : { weight }),
        ...(some === undefined ? {} : { models: some }),
        ...(none === undefined ? {} : { blocked: none }),
        ...(keys === undefined ? {} : { credentials: keys }),
      };
    });
    if (secret === undefined) return [];
    if (secret.length < secretCharactersMin)
      build.report({ path: [...path, "value"], message: `has fewer than ${secretCharactersMin} characters` });
    return [
      {
        ...numbers(entry, path),
        name,
        hash: createHash("sha256").update(secret).digest("hex"),
        prefix: keyPrefix(secret),
        policy: {
          models,
          ...(blocked?.length ? { blocked } : {}),
          ...(unsupported === undefined ? {} : { unsupported }),
          ...(raw === true ? { raw } : {}),
          ...(entry.operations === undefined ? {} : { operations: entry.operations }),
          ...(entry.aliases === undefined ? {} : { aliases: entry.aliases }),
          ...(entry.required?.length ? { required: entry.required } : {}),
        },
        providers: entry.providers === undefined || entry.providers === null ? null : providers,
        disabled,
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
        ...(above === undefined ? {} : { parent: above }),
        attributes: said(entry),
      },
    ];
  }

  function named(entry: NonNullable<Governance["end_users"]>, header: string, path: Path): NameRules {
    return {
      header: (entry.header ?? header).toLowerCase(),
      required: entry.required ?? false,
      keptMax: entry.kept_max ?? 50_000,
      ...(entry.each ? { each: numbers(entry.each, [...path, "each"]) } : {}),
    };
  }

  return { owner, parent, key, modelLimit, numbers, named, checkProvider };
}

function said({ description, metadata }: About): ScopeAttributes {
  return {
    ...(description === undefined ? {} : { description }),
    ...(metadata && Object.keys(metadata).length > 0 ? { metadata } : {}),
  };
}

function refuseTwice(scopes: readonly DeclaredScope[], build: Build): void {
  const seen = new Set<string>();
  for (const { kind, name } of scopes) {
    const id = `${kind} ${name}`;
    if (seen.has(id)) build.report({ path: ["governance", "model_limits"], message: `"${name}" stands here twice` });
    seen.add(id);
  }
}
