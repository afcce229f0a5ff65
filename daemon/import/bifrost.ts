/**
 * `config.json` of the Go gateway named Bifrost → our config. Hides its versions' allow lists: in version 1 an empty
 * list is everything, since then it is nothing.
 */
import type { Path } from "../config/problems.ts";
import { importGovernance } from "./bifrost-governance.ts";
import { importProviders } from "./bifrost-providers.ts";
import {
  createDraft,
  type Draft,
  entriesOf,
  isOn,
  listOf,
  numberOf,
  recordOf,
  textOf,
  textsOf,
  wholeOf,
} from "./draft.ts";
import { assertHas, assertKinds, type Imported, readForeign } from "./foreign.ts";
import { createReport, type Report } from "./report.ts";

type Rule = (path: Path, value: unknown, draft: Draft, report: Report) => void;

export function importBifrost(text: string): Imported {
  const source = readForeign(text);
  const root = recordOf(source.value);
  assertHas(root, ["providers", "governance", "client", "config_store"], "the config.json of the Go gateway Bifrost");
  assertKinds(source, { providers: "names", governance: "names", client: "names" });
  const report = createReport(source, text);
  const draft = createDraft("Made of Bifrost-Go's config by bifrost import bifrost.");
  const emptyIsAll = numberOf(root["version"]) === 1;
  const providers = importProviders(root["providers"], emptyIsAll, draft, report);
  const { disable_content_logging: off, enable_logging: logs } = recordOf(root["client"]);
  const isSilent = off === true || logs === false;
  importGovernance(root["governance"], { draft, report, emptyIsAll, isSilent, providers });
  for (const { key, value, path } of entriesOf(root["client"], ["client"])) {
    const rule = Object.hasOwn(client, key) ? client[key] : undefined;
    if (rule !== undefined) rule(path, value, draft, report);
    else if (isOn(value)) report.unknown(path);
  }
  importAccess(root, draft, report);
  for (const { key, value, path } of entriesOf(root, [])) {
    if (["providers", "governance", "client", "$schema", "version"].includes(key) || !isOn(value)) continue;
    const rule = Object.hasOwn(sections, key) ? sections[key] : undefined;
    if (rule === undefined) report.unknown(path);
    else rule(path, value, draft, report);
  }
  return { config: draft.text(), report: report.lines(), variables: report.variables() };
}

const keep =
  (to: readonly string[], convert: (value: unknown) => unknown): Rule =>
  (path, value, draft, report) => {
    const converted = convert(value);
    if (converted === undefined) return report.dropped(path, "has no value that can be kept");
    draft.set(to, converted);
    report.kept(path, to.join("."));
  };
const say =
  (outcome: "kept" | "approximated" | "dropped" | "unprotected", why: string): Rule =>
  (path, value, _draft, report) => {
    if (isOn(value)) report[outcome](path, why);
  };
const silent: Rule = () => undefined;

const client: Readonly<Record<string, Rule>> = {
  enforce_auth_on_inference: silent,
  enforce_governance_header: silent,
  max_request_body_size_mb: keep(["server", "body_max"], (value) =>
    wholeOf(value) ? `${wholeOf(value)}MB` : undefined,
  ),
  log_retention_days: keep(["record", "retention"], (value) => (wholeOf(value) ? `${wholeOf(value)}d` : undefined)),
  enable_logging: keep(["record", "requests"], (value) => value !== false),
  disable_content_logging: keep(["record", "content"], (value) => (value === true ? "off" : "full")),
  routing_chain_max_depth: keep(["routing", "chain_max"], (value) => Math.min(10, Math.max(1, wholeOf(value) ?? 10))),
  required_headers: requireHeader,
  allow_direct_keys: say("dropped", "a client may not bring a provider's key"),
  drop_excess_requests: say("kept", "a full queue answers 503 at once"),
  allowed_origins: say("dropped", "browsers are not let in: nothing is said to other origins"),
  delete_expired_virtual_keys: say("dropped", "say delete_expired of the single key"),
  ...Object.fromEntries(
    ["vk_rotation_cooldown", "disable_db_pings_in_health", "allowed_headers"].map((name) => [
      name,
      say("dropped", "has no counterpart here"),
    ]),
  ),
  header_filter_config: say("dropped", "a client's headers are not passed on, but those that the API has"),
  initial_pool_size: say("kept", "pools grow by themselves"),
  prometheus_labels: say("dropped", "labels of your own are metrics.tags"),
};

const guardrails = say("unprotected", "guardrails are not part of this build");
const identity = say("unprotected", "people are not known here: the admin API takes tokens");
const stores = say("kept", "SQLite files in the home; nothing to configure");

const sections: Readonly<Record<string, Rule>> = {
  encryption_key: say("dropped", "no secret is stored, so none is sealed: backups are, with --encrypt"),
  config_store: stores,
  logs_store: stores,
  vector_store: say("dropped", "answers are not cached in this build"),
  framework: say("kept", "prices come with the program, or signed: bifrost catalog import"),
  source_of_truth: say("kept", "what the file declares is the file's"),
  mcp: say("dropped", "MCP servers are not part of this build"),
  websocket: say("kept", "realtime sessions need no settings"),
  webhooks: say("dropped", "asynchronous jobs are not part of this build"),
  guardrails_config: guardrails,
  access_profiles: identity,
  scim_config: identity,
  auth_config: say("approximated", "not copied: the admin API takes tokens of `bifrost tokens create`"),
  cluster_config: say("dropped", "one daemon, as many workers as server.workers says"),
  audit_logs: say("kept", "every change and every request is audited"),
  alerting: say("dropped", "write channels and rules under alerts"),
  load_balancer_config: say("dropped", "routing.strategy: adaptive does so"),
  circuit_breaker: say("dropped", "routing.breaker does so"),
  plugins(path, value, _draft, report) {
    for (const [index, item] of listOf(value).entries()) {
      const { name, enabled } = recordOf(item);
      const at: Path = [...path, index];
      const called = textOf(name) ?? "a plugin";
      if (enabled === false) report.kept(at, `${called} is off`);
      else if (/^(governance|logging|telemetry|prometheus|compat)$/.test(called))
        report.kept(at, `${called} is built in`);
      else if (/guard|moderat|pii|secret|jwt|auth/i.test(called))
        report.unprotected(at, `${called}: plugins are not loaded here`);
      else if (/^otel$/.test(called)) report.dropped(at, "otel: write the receiver as tracing.endpoint");
      else report.dropped(at, `${called}: plugins are not loaded here`);
    }
  },
};

/** Tags are the one thing here that a header must name. */
function requireHeader(path: Path, value: unknown, draft: Draft, report: Report): void {
  const [header, ...others] = textsOf(value);
  if (header === undefined) return;
  if (others.length > 0 || !/^[A-Za-z0-9-]{1,64}$/.test(header)) {
    report.unprotected(path, "one header can be asked for here, as the one that names tags: governance.tags");
    return;
  }
  draft.set(["governance", "tags", "header"], header.toLowerCase());
  draft.set(["governance", "tags", "required"], true);
  report.approximated(path, "governance.tags: requests without it are refused, and each of its values is a tag");
}

/** Who may call. A key that is there and not asked for would not be counted. */
function importAccess(root: Readonly<Record<string, unknown>>, draft: Draft, report: Report): void {
  const settings = recordOf(root["client"]);
  const name = ["enforce_auth_on_inference", "enforce_governance_header"].find((key) => settings[key] !== undefined);
  const enforced = name !== undefined && settings[name] === true;
  const path: Path = name === undefined ? ["client"] : ["client", name];
  const hasKeys =
    textsOf(listOf(recordOf(root["governance"])["virtual_keys"]).map((key) => recordOf(key)["name"])).length > 0;
  if (enforced) report.kept(path, "auth.inference: keys, as without being said");
  else if (hasKeys)
    report.approximated(path, "callers without a key are refused here, since there are keys: auth.inference");
  else {
    draft.set(["auth", "inference"], "open");
    report.kept(path, "auth.inference: open, so anybody who reaches the port may call");
  }
}
