/**
 * The text of a config file → one generation, or everything that is wrong with it, at once and each with its place.
 * Hides the order of the checks: YAML, schema, then meaning over whatever part of the file is sound.
 */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { loadPatterns, mentionsPattern } from "../governance/model-patterns.ts";
import { build } from "./build.ts";
import { checkTelemetry } from "./check-telemetry.ts";
import { hasEndMarker } from "./end-marker.ts";
import type { GenerationData } from "./generation.ts";
import { type ConfigProblem, type Finding, type Path, renderPath } from "./problems.ts";
import type { ConfigFile } from "./schema.ts";
import type { Environment } from "./secrets.ts";

export type LoadOptions = {
  readonly text: string;
  /** The file the text was read from: named in problems, and `file.` paths are relative to its folder. */
  readonly path: string;
  readonly environment: Environment;
  /** What this generation is called if it is accepted. */
  readonly number: number;
  /** The generation in use: what cannot change without a restart is then warned of. */
  readonly previous?: GenerationData | undefined;
  /** The last accepted version ended in `...`, so one without it is taken for half a file. */
  readonly requireEnd?: boolean;
  /** Whether the catalog has a bare model name; without it a name that nothing lists is only warned of. */
  readonly knownModel?: ((name: string) => boolean) | undefined;
  readonly now?: number;
};

export type LoadResult =
  | {
      readonly ok: true;
      readonly data: GenerationData;
      readonly warnings: readonly ConfigProblem[];
      /** Secret and certificate files that were read: their change is a change of the config. */
      readonly files: readonly string[];
      /** The text as it may be kept: references only. */
      readonly source: string;
      /** The checked values, to build from again without parsing; undefined where a secret is written out. */
      readonly file: ConfigFile | undefined;
    }
  | {
      readonly ok: false;
      readonly problems: readonly ConfigProblem[];
      readonly warnings: readonly ConfigProblem[];
      /** Files that were asked for, so that a missing one is noticed when it comes. */
      readonly files: readonly string[];
    };

export async function loadConfig(options: LoadOptions): Promise<LoadResult> {
  const text = options.text.replace(/^\uFEFF/, "");
  // Loaded only now: together they are a third of the time a start may take, and a start without a file needs neither.
  const { readSource } = await import("./source.ts");
  const source = readSource(text);
  if ("faults" in source) {
    const problems = source.faults.map(({ offset, message }) => ({
      file: options.path,
      ...source.at(offset),
      path: "",
      message,
    }));
    return { ok: false, problems, warnings: [], files: [] };
  }
  const place = ({ path, message, suggestion, atKey = false }: Finding): ConfigProblem => ({
    file: options.path,
    ...source.place({ path, atKey }),
    path: renderPath(path),
    message,
    ...(suggestion !== undefined && { suggestion }),
  });
  const stranger = recognise(source.value);
  if (stranger !== undefined) return { ok: false, problems: [place(stranger)], warnings: [], files: [] };
  const { checkSchema } = await import("./issues.ts");
  const { file, findings } = checkSchema(source.value);
  if (mentionsPattern(file.governance)) await loadPatterns();
  const built = build(file, {
    environment: options.environment,
    directory: dirname(options.path),
    number: options.number,
    hash: hashOf(options.text),
    now: options.now ?? Date.now(),
    knownModel: options.knownModel,
    checkRule: (file.routing?.rules ?? []).some(({ when }) => when !== undefined)
      ? (await import("../routing/rule-engine.ts")).checkCondition
      : undefined,
    faulty: findings.filter(({ path }) => path[0] === "providers").map(({ path }) => String(path[1])),
  });
  const late = await checkTelemetry(built.data);
  const warnings = [...built.warnings, ...pinned(options.previous, built.data)].map(place);
  const problems = [...findings, ...built.problems.filter((finding) => !follows(finding, findings)), ...late].map(
    place,
  );
  if (options.requireEnd && !hasEndMarker(text)) problems.push(cut(options.path, text));
  if (problems.length > 0)
    return { ok: false, problems: sorted(problems), warnings: sorted(warnings), files: built.files };
  const kept = source.redact(built.literals, built.secrets);
  return {
    ok: true,
    data: built.data,
    warnings: sorted(warnings),
    files: built.files,
    source: kept,
    file: built.literals.length === 0 ? file : undefined,
  };
}

/** The file cannot be read at all. */
export function unreadable(path: string, why: string): LoadResult & { ok: false } {
  return {
    ok: false,
    problems: [{ file: path, path: "", message: `cannot be read: ${why}` }],
    warnings: [],
    files: [],
  };
}

export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** True when something seems missing only because a faulty part below it was taken out. */
function follows({ path, atKey }: Finding, findings: readonly Finding[]): boolean {
  if (!atKey) return false;
  return findings.some((other) => other.path.length > path.length && path.every((step, at) => step === other.path[at]));
}

/** Changes that a running daemon accepts but cannot carry out. */
function pinned(previous: GenerationData | undefined, next: GenerationData): readonly Finding[] {
  if (previous === undefined) return [];
  const changes: readonly (readonly [Path, unknown, unknown])[] = [
    [["server", "host"], previous.server.host, next.server.host],
    [["server", "port"], previous.server.port, next.server.port],
    [["server", "workers"], previous.server.workers, next.server.workers],
    [["admin", "socket"], previous.admin?.socket, next.admin?.socket],
    [["admin", "listen"], address(previous), address(next)],
  ];
  return changes
    .filter(([, before, after]) => before !== after)
    .map(([path]) => ({ path, message: "takes effect at restart" }));
}

function address({ admin }: GenerationData): string | undefined {
  return admin?.listen === undefined ? undefined : `${admin.listen.host}:${admin.listen.port}`;
}

/** Another gateway's file would give a hundred unknown keys; one sentence helps more. */
function recognise(value: unknown): Finding | undefined {
  const has = (key: string) => typeof value === "object" && value !== null && Object.hasOwn(value, key);
  for (const key of ["model_list", "litellm_settings", "router_settings", "general_settings"]) {
    if (has(key)) return { path: [key], atKey: true, message: "this looks like LiteLLM's; run bifrost import litellm" };
  }
  for (const key of ["config_store", "logs_store", "governance"]) {
    if (has(key) && (key !== "governance" || isForeignGovernance((value as { governance: unknown }).governance)))
      return {
        path: [key],
        atKey: true,
        message: "this looks like the config.json of the Go gateway named Bifrost; run bifrost import bifrost",
      };
  }
  return undefined;
}

/** Ours has entries by name where the other has lists, and lists that ours has not. */
function isForeignGovernance(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const foreign = ["virtual_keys", "budgets", "rate_limits", "auth_config", "model_configs", "routing_rules"];
  return foreign.some((key) => Object.hasOwn(value, key)) || Object.values(value).filter(Array.isArray).length > 1;
}

function cut(file: string, text: string): ConfigProblem {
  const lines = text.split("\n");
  return {
    file,
    line: lines.length,
    column: (lines.at(-1) ?? "").length + 1,
    path: "",
    message: "the accepted version ended in `...` and this one does not: still being written? End it with `...` again",
  };
}

function sorted(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}
