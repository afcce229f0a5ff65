/**
 * LiteLLM's `config.yaml` → ours, and what became of each setting. Hides the order in which its sections are read, and
 * that some settings stand in two of them.
 */
import type { Path } from "../config/problems.ts";
import { createAccounts } from "./accounts.ts";
import { createDraft, entriesOf, isOn, listOf, recordOf, textOf, textsOf } from "./draft.ts";
import { assertHas, assertKinds, type Environment, type Imported, readForeign } from "./foreign.ts";
import type { Params } from "./litellm-account.ts";
import type { Defaults } from "./litellm-bounds.ts";
import { type ImportStep, importLitellmKeys } from "./litellm-keys.ts";
import { importModels, type Models } from "./litellm-models.ts";
import { importRouting } from "./litellm-routing.ts";
import { sectionRules } from "./litellm-settings.ts";
import { createReport, type Report } from "./report.ts";
import type { ExportFile } from "./table.ts";

/** Throws an Error that says where the text is no YAML. */
export function importLitellm(text: string, environment: Environment): Imported {
  return readLitellm(text, environment).imported;
}

/** With exports of its database: what is to be asked of the admin API, in order. */
export function importLitellmWithKeys(
  text: string,
  environment: Environment,
  files: readonly ExportFile[],
  nowMs: number,
): Imported & { readonly steps: readonly ImportStep[] } {
  const { imported, models, defaults } = readLitellm(text, environment, true);
  const { steps, report } = importLitellmKeys(files, models, nowMs, defaults);
  return { ...imported, report: [...imported.report, ...report], steps };
}

function readLitellm(
  text: string,
  environment: Environment,
  withKeys = false,
): { readonly imported: Imported; readonly models: Models; readonly defaults: Defaults } {
  const source = readForeign(text);
  const root = recordOf(source.value);
  const sections = ["model_list", "router_settings", "litellm_settings", "general_settings"];
  assertHas(root, sections, "LiteLLM's config.yaml");
  assertKinds(source, {
    model_list: "list",
    router_settings: "names",
    litellm_settings: "names",
    general_settings: "names",
  });
  const report = createReport(source, text);
  const draft = createDraft("Made of LiteLLM's config by bifrost import litellm.");
  const accounts = createAccounts(draft, report);
  const router = { ...recordOf(root["router_settings"]) };
  const checks = textsOf(router["optional_pre_call_checks"]);
  const models = importModels(root["model_list"], {
    ...{ draft, report, accounts, environment },
    enforced: checks.includes("enforce_model_rate_limits") || /^usage-based/.test(String(router["routing_strategy"])),
    tagged: router["enable_tag_filtering"] === true,
    credentials: credentialsOf(root["credential_list"]),
  });
  importRouting(root, models, draft, report);
  for (const [section, rules] of Object.entries(sectionRules)) {
    for (const entry of entriesOf(root[section], [section])) {
      const rule = Object.hasOwn(rules, entry.key) ? rules[entry.key] : undefined;
      if (rule !== undefined) rule(entry, { draft, report, accounts, withKeys, section: recordOf(root[section]) });
      else if (isOn(entry.value)) report.unknown(entry.path);
    }
  }
  importTop(root, report);
  accounts.write();
  const imported = { config: draft.text(), report: report.lines(), variables: report.variables() };
  const general = recordOf(root["general_settings"]);
  const defaults = { required: textsOf(general["enforced_params"]), routes: textsOf(general["allowed_routes"]) };
  return { imported, models, defaults };
}

function credentialsOf(list: unknown): ReadonlyMap<string, Params> {
  return new Map(
    listOf(list).map((item) => {
      const { credential_name: name, credential_values: values } = recordOf(item);
      return [textOf(name) ?? "", recordOf(values)];
    }),
  );
}

const top: Readonly<Record<string, (path: Path, value: unknown, report: Report) => void>> = {
  model_list: () => undefined,
  credential_list: () => undefined,
  environment_variables(path, value, report) {
    for (const { key, path: at } of entriesOf(value, path))
      report.dropped(at, `is not copied: set ${key} where the daemon runs`);
  },
  guardrails: (path, _value, report) => report.unprotected(path, "guardrails are not part of this build"),
  policies: (path, _value, report) => report.unprotected(path, "policies of guardrails are not part of this build"),
  mcp_servers(path, value, report) {
    for (const { path: at } of entriesOf(value, path)) report.dropped(at, "MCP servers are not part of this build");
  },
  include(path, value, report) {
    for (const file of textsOf(value)) report.dropped(path, `${file} is not followed: import it by itself`);
  },
  prompts: (path, _value, report) => report.dropped(path, "prompts are kept where they are edited"),
};

function importTop(root: Readonly<Record<string, unknown>>, report: Report): void {
  for (const { key, value, path } of entriesOf(root, [])) {
    if (Object.hasOwn(sectionRules, key) || !isOn(value)) continue;
    const known = Object.hasOwn(top, key) ? top[key] : undefined;
    if (known === undefined) report.unknown(path);
    else known(path, value, report);
  }
}
