/**
 * `model_list` → providers, aliases, groups, prices, timers and limits. Hides that LiteLLM's name for a model is a
 * list of deployments, each with an account of its own.
 */
import type { Path } from "../config/problems.ts";
import type { Accounts } from "./accounts.ts";
import {
  type Draft,
  dollarsOf,
  isOn,
  listOf,
  lookUp,
  numberOf,
  recordOf,
  secondsOf,
  textOf,
  textsOf,
  wholeOf,
} from "./draft.ts";
import type { Environment } from "./foreign.ts";
import { cloudKeys, type Params, placeOf } from "./litellm-account.ts";
import { budgetOf } from "./litellm-budget.ts";
import type { Report } from "./report.ts";

export type Models = {
  /** Names that may be asked for, and the `provider/model` that each stands for. */
  readonly targets: ReadonlyMap<string, readonly string[]>;
  /** Names by the access group that they are in. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
};

export type ModelContext = {
  readonly draft: Draft;
  readonly report: Report;
  readonly accounts: Accounts;
  readonly environment: Environment;
  /** `router_settings` enforce `rpm` and `tpm` of deployments; else they are weights. */
  readonly enforced: boolean;
  /** Only requests with the right tag reach a tagged deployment. */
  readonly tagged: boolean;
  readonly credentials: ReadonlyMap<string, Params>;
};

type Deployment = {
  readonly target: string;
  readonly params: Params;
  readonly path: Path;
};

export function importModels(list: unknown, context: ModelContext): Models {
  const { report, draft } = context;
  const byName = new Map<string, Deployment[]>();
  const groups = new Map<string, string[]>();
  for (const [index, item] of listOf(list).entries()) {
    const path: Path = ["model_list", index];
    const name = textOf(recordOf(item)["model_name"]);
    if (name === undefined || !/^[\x21-\x7e]{1,256}$/.test(name)) {
      report.dropped(path, "its model_name is none that can be asked for");
      continue;
    }
    const deployment = importDeployment(name, recordOf(item), path, context);
    if (deployment === undefined) continue;
    byName.set(name, [...(byName.get(name) ?? []), deployment]);
    for (const group of textsOf(recordOf(recordOf(item)["model_info"])["access_groups"]))
      groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  for (const [name, deployments] of byName) writeName(name, deployments, draft, report);
  const targets = new Map([...byName].map(([name, all]) => [name, [...new Set(all.map(({ target }) => target))]]));
  return { targets, groups };
}

function importDeployment(name: string, item: Params, path: Path, context: ModelContext): Deployment | undefined {
  const { report, accounts } = context;
  const written = recordOf(item["litellm_params"]);
  const params = { ...context.credentials.get(textOf(written["litellm_credential_name"]) ?? ""), ...written };
  const at = [...path, "litellm_params"];
  const place = placeOf(params, at, report, context.environment);
  if (place === undefined) return undefined;
  const info = recordOf(item["model_info"]);
  const provider = accounts.take(place.spec, at);
  const base = textOf(info["base_model"])?.replace(/^[^/]*\//, "");
  const model = base !== undefined && place.spec.host !== undefined ? base : place.model;
  if (place.wildcard) accounts.open(provider);
  else accounts.offer(provider, model, place.model);
  const target = `${provider}/${model}`;
  if (place.wildcard && target.split("*").length > 2) {
    report.dropped([...at, "model"], "has more than one `*`");
    return undefined;
  }
  if (place.wildcard && !name.includes("*")) {
    report.dropped([...at, "model"], "has a `*`, but its model_name has none that it could stand for");
    return undefined;
  }
  report.kept(path, `${name} is ${target}`);
  const deployment = { target, params, path: at };
  importNumbers(deployment, context);
  importPrices(deployment, { ...info, ...params }, context);
  reportRest(written, info, path, context);
  return deployment;
}

/** One target is an alias; several, or one with settings of its own, are a group. */
function writeName(name: string, deployments: readonly Deployment[], draft: Draft, report: Report): void {
  const [first] = deployments;
  const merged = new Map<string, { weight: number | undefined; retries: number | undefined; order: number }>();
  const by = ["weight", "rpm", "tpm"].find((key) => deployments.some(({ params }) => numberOf(params[key])));
  for (const { target, params } of deployments) {
    const before = merged.get(target);
    const weight = by === undefined ? undefined : (before?.weight ?? 0) + (numberOf(params[by]) ?? 0);
    const retries = wholeOf(params["num_retries"]);
    const order = numberOf(params["order"]) ?? Number.MAX_SAFE_INTEGER;
    merged.set(target, {
      weight,
      retries: retries === undefined ? before?.retries : Math.min(retries, 10),
      order: Math.min(order, before?.order ?? order),
    });
  }
  if (merged.size < deployments.length)
    report.approximated(
      first!.path,
      `several deployments of ${name} have the same address, credential and model: one target here`,
    );
  const targets = [...merged];
  const [[target, only]] = targets as [(typeof targets)[number]];
  if (targets.length === 1 && only.retries === undefined) {
    if (target !== name) draft.set(["aliases", name], target);
    return;
  }
  const ordered = targets.some(([, { order }]) => order !== Number.MAX_SAFE_INTEGER);
  if (ordered)
    report.approximated(first!.path, `order of ${name}: one after the other, also where two have the same order`);
  const largest = Math.max(...targets.map(([, { weight }]) => weight ?? 0));
  const scale = largest > 1_000_000 ? 1_000_000 / largest : 1;
  draft.set(["groups", name], {
    ...(ordered ? { strategy: "ordered" } : {}),
    targets: targets
      .toSorted(([, one], [, other]) => one.order - other.order)
      .map(([each, { weight, retries }]) => ({
        target: each,
        ...(weight === undefined || ordered ? {} : { weight: Number((weight * scale).toPrecision(6)) }),
        ...(retries === undefined ? {} : { retries }),
      })),
  });
}

function importNumbers({ target, params, path }: Deployment, { draft, report, enforced }: ModelContext): void {
  const slash = target.indexOf("/");
  const match = { model: target.slice(slash + 1), provider: target.slice(0, slash) };
  const limits: Record<string, unknown> = {};
  for (const key of ["rpm", "tpm"]) {
    const count = wholeOf(params[key]);
    if (count === undefined) continue;
    if (enforced) limits[key] = count;
    report.kept(
      [...path, key],
      enforced ? "limits the model at its provider" : "is a weight here as there, and no limit",
    );
  }
  const parallel = wholeOf(params["max_parallel_requests"]);
  if (parallel !== undefined) {
    limits["concurrency"] = parallel;
    report.kept([...path, "max_parallel_requests"], "limits what is in flight, over all workers");
  }
  const budget = budgetOf(params["max_budget"], params["budget_duration"]);
  if (budget !== undefined) {
    limits["budgets"] = [budget];
    report.kept(
      [...path, "max_budget"],
      "a budget of the model at its provider; what was spent so far is not carried over",
    );
  } else if (isOn(params["max_budget"]))
    report.unprotected([...path, "max_budget"], "is no amount and period that can be kept");
  const known = (draft.has(["governance", "model_limits"]) ? limitsSeen.get(draft) : undefined) ?? new Set<string>();
  if (Object.keys(limits).length > 0 && known.has(target))
    report.unprotected(path, `limits of ${target} stand here twice: the first are kept`);
  else if (Object.keys(limits).length > 0) {
    draft.push(["governance", "model_limits"], { ...match, ...limits });
    limitsSeen.set(draft, known.add(target));
  }
  importTimers(target, params, path, draft, report);
}

/** Targets that have limits already. */
const limitsSeen = new WeakMap<Draft, Set<string>>();

const timers: readonly (readonly [string, string])[] = [
  ["timeout", "total"],
  ["stream_timeout", "first_byte_stream"],
  ["ttft_timeout", "first_byte_stream"],
  ["stream_idle_timeout", "idle"],
];

function importTimers(target: string, params: Params, path: Path, draft: Draft, report: Report): void {
  for (const [theirs, ours] of timers) {
    const time = secondsOf(params[theirs]);
    if (time === undefined) continue;
    draft.set(["model_timeouts", target, ours], time);
    report.kept([...path, theirs], `model_timeouts, ${ours}`);
  }
}

/** LiteLLM's price a token, which is Bifrost-Go's too, and ours a million. */
export const priceRows: readonly (readonly [string, string, number])[] = [
  ["input_cost_per_token", "input", 1e6],
  ["output_cost_per_token", "output", 1e6],
  ["cache_read_input_token_cost", "cache_read", 1e6],
  ["cache_creation_input_token_cost", "cache_write_5m", 1e6],
  ["cache_creation_input_token_cost_above_1hr", "cache_write_1h", 1e6],
  ["input_cost_per_request", "request", 1],
  ["cost_per_request", "request", 1],
];
export const priceKeys: readonly string[] = priceRows.map(([theirs]) => theirs);

function importPrices({ target, path }: Deployment, from: Params, { draft, report }: ModelContext): void {
  for (const [theirs, ours, factor] of priceRows) {
    const cost = numberOf(from[theirs]);
    if (cost === undefined) continue;
    if (target.includes("*") && !target.endsWith("/*")) {
      report.dropped(path, `${theirs}: a price is of one model, or of all of a provider's`);
      return;
    }
    draft.set(["prices", target, ours], Number(dollarsOf((cost * factor).toPrecision(12))));
    report.kept(path, `${theirs} is the price of ${target}`);
  }
}

const known = new Set([
  ...["model", "api_key", "api_base", "base_url", "organization", "extra_headers", "custom_llm_provider", "rpm", "tpm"],
  ...["weight", "order", "max_parallel_requests", "num_retries", "max_budget", "budget_duration"],
  ...["litellm_credential_name", ...timers.map(([theirs]) => theirs), ...cloudKeys, ...priceKeys],
]);

/** Why what is not known is not taken over, where there is more to say. */
const reasons: Readonly<Record<string, string>> = {
  max_retries: "has no effect there either",
  drop_params: "what a provider cannot express is dropped and named in x-bifrost-dropped-params",
  mock_response: "answers are not made up; the echo provider is for trying",
  configurable_clientside_auth_params: "a client may not say where its request goes or with which key",
  region_name: "labels of the provider may say it",
  use_in_pass_through: "pass-through paths take every provider",
  cooldown_time: "routing.breaker says it for all models",
};

function reportRest(params: Params, info: Params, path: Path, { report, tagged }: ModelContext): void {
  for (const [key, value] of Object.entries(params)) {
    if (known.has(key)) continue;
    const at = [...path, "litellm_params", key];
    if (key === "tags" && tagged)
      report.unprotected(at, "who may reach a deployment is not decided by tags: use routing.rules");
    else if (key === "guardrails" && isOn(value)) report.unprotected(at, "guardrails are not part of this build");
    else if (isOn(value) || key === "drop_params")
      report.dropped(at, lookUp(reasons, key) ?? "is not taken over: requests pass as clients send them");
  }
  for (const [key, value] of Object.entries(info)) {
    if (["id", "mode", "base_model", "access_groups", "max_tokens", "db_model", ...priceKeys].includes(key)) continue;
    if (key === "team_id" && isOn(value))
      report.unprotected([...path, "model_info", key], "it was that team's alone: say models of the other teams");
    else if (isOn(value))
      report.dropped([...path, "model_info", key], "the catalog says it, or nobody asks for it here");
  }
}
