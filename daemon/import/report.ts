/**
 * What became of each setting of another gateway: kept, approximated or dropped, with its line and why. Hides where a
 * setting stands in the text, and that a secret written out is never copied but given the name of a variable.
 */
import { type Path, renderPath } from "../config/problems.ts";
import type { Source } from "../config/source.ts";

export type ReportLine = {
  readonly outcome: "kept" | "approximated" | "dropped";
  /** From 1. */
  readonly line: number;
  /** `general_settings.allowed_ips` */
  readonly setting: string;
  readonly message: string;
  /** It kept somebody from something, and does so no longer. */
  readonly security: boolean;
};

/** A variable that the written config refers to. */
export type NeededVariable = {
  readonly name: string;
  /** The setting of the other gateway that held it. */
  readonly setting: string;
  /** The secret stood in the file: nobody has set the variable yet. */
  readonly written: boolean;
};

export type Report = {
  kept(path: Path, message: string): void;
  approximated(path: Path, message: string): void;
  dropped(path: Path, message: string): void;
  /** Dropped, since nobody here knows it: a protection, where its name says so. */
  unknown(path: Path): void;
  /** Dropped, and with it something that kept somebody out. */
  unprotected(path: Path, message: string): void;
  /** `env.NAME` for a secret; `usual` is how its variable is called where the secret is written out. */
  secret(value: string, path: Path, usual: string): string;
  /** The host's own variable will be read. */
  needs(name: string, path: Path): void;
  lines(): readonly ReportLine[];
  variables(): readonly NeededVariable[];
};

/** References of the gateways that are imported: LiteLLM's, Bifrost-Go's and the shell's. */
const reference = /^(?:os\.environ\/|env\.|\$\{?)([A-Za-z_][A-Za-z0-9_]*)\}?$/;

/** Words of names that keep somebody from something, and how those begin that let somebody. */
const binding =
  /(?:^|_)(?:allowed|den(?:y|ied)|block(?:ed|s)?|black\w*|white\w*|enforce\w*|requir\w*|restrict\w*|permissions?|rbac|roles?|auth\w*|jwt|sso|saml|oauth2?|secur\w*|validat\w*|budgets?|limits?|guard\w*|moderat\w*|access|scopes?|expir\w*|pii|redact\w*|mask\w*)(?:_|$)/;
const loosening = /^(?:allow|disable|skip|ignore|enable_public)_/;

export function soundsBinding(name: string): boolean {
  return binding.test(name) && !loosening.test(name);
}

/** The variable that a value refers to. */
export function variableOf(value: string): string | undefined {
  return reference.exec(value)?.[1];
}

/** @param text of the file, whose own variables are given to no other secret */
export function createReport(source: Pick<Source, "place">, text: string): Report {
  const lines: ReportLine[] = [];
  const variables = new Map<string, NeededVariable>();
  const byLiteral = new Map<string, string>();
  const taken = new Set(
    [...text.matchAll(/(?:os\.environ\/|env\.|\$\{?)([A-Za-z_][A-Za-z0-9_]*)/g)].map(([, name]) => name!),
  );

  function add(outcome: ReportLine["outcome"], path: Path, message: string, security = false): void {
    const { line } = source.place({ path, atKey: true });
    lines.push({ outcome, line, setting: renderPath(path), message, security });
  }

  function need(name: string, path: Path, written: boolean): void {
    if (!variables.has(name)) variables.set(name, { name, setting: renderPath(path), written });
  }

  function secret(value: string, path: Path, usual: string): string {
    const named = variableOf(value);
    if (named !== undefined) {
      need(named, path, false);
      return `env.${named}`;
    }
    const known = byLiteral.get(value);
    if (known !== undefined) return `env.${known}`;
    // No variable begins with a digit.
    const base = usual
      .toUpperCase()
      .replace(/[^A-Z0-9]+/g, "_")
      .replace(/^(?=\d)/, "_");
    let name = base;
    for (let count = 2; taken.has(name); count += 1) name = `${base}_${count}`;
    taken.add(name);
    byLiteral.set(value, name);
    need(name, path, true);
    add("approximated", path, `a secret is written out and not copied: set ${name}`);
    return `env.${name}`;
  }

  return {
    kept: (path, message) => add("kept", path, message),
    approximated: (path, message) => add("approximated", path, message),
    dropped: (path, message) => add("dropped", path, message),
    unknown(path) {
      const security = soundsBinding(String(path.at(-1)));
      add("dropped", path, `is not known here${security ? ", and by its name it bound somebody" : ""}`, security);
    },
    unprotected: (path, message) => add("dropped", path, message, true),
    secret,
    needs: (name, path) => need(name, path, false),
    lines: () => lines.toSorted((one, other) => one.line - other.line),
    variables: () => [...variables.values()],
  };
}
