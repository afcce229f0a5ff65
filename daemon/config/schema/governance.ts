/** Owners, keys and limits that the file declares: they are the file's, and read-only elsewhere. */
import { z } from "zod";
import { operations } from "../../../providers/operation.ts";
import { modelEntry } from "../../governance/access.ts";
import { duration, flag, listMax, section, setting, text, whole } from "./setting.ts";

const countMax = 1_000_000_000_000;
const count = whole.min(0, "must not be negative").max(countMax, `must not be more than ${countMax}`);
const names = z.array(text.regex(modelEntry.pattern, modelEntry.message), "expected a list of model names").max(256);
const period = z.string("expected dollars and a period such as 10/1d, 500/1M, or 10 for a total");

const budget = z.union(
  [
    period,
    z.strictObject({
      budget: period.meta({ description: "Dollars and a period: `10/1d`, `500/1M`; `10` alone is a total." }),
      calendar: setting(
        flag,
        "The period begins with the zone's minute, hour, day, week, month, quarter or year.",
        false,
      ),
      zone: setting(text, "Time zone of `calendar`. Default: `ledger.zone`."),
      start_month: setting(
        whole.min(1, "must be at least 1").max(12, "must not be more than 12"),
        "Month in which quarters and years begin.",
        1,
      ),
      shadow: setting(flag, "Only count what it would have refused.", false),
    }),
  ],
  "expected a budget such as 10/1d, or its settings",
);

const limit = z.strictObject({
  requests: setting(count, "Requests in any period of this length."),
  tokens: setting(count, "Tokens in any period of this length."),
  spend: setting(z.union([z.number(), text]), "Dollars in any period of this length."),
  every: duration.meta({ description: "The period: `30s`, `1m`, `1h`, `1d`." }),
  shadow: setting(flag, "Only count what it would have refused.", false),
});

/** What is counted, the same for everything that may be limited. */
const numbers = {
  budgets: setting(
    z.array(budget, "expected a list of budgets").max(4, "must not have more than 4"),
    "Dollars that may be spent: `10/1d` in any one day, `500/1M`, `10` in all.",
  ),
  rpm: setting(count, "Requests a minute."),
  tpm: setting(count, "Tokens a minute."),
  limits: setting(
    z.array(limit, "expected a list of limits").max(8, "must not have more than 8"),
    "Further limits of requests, tokens or dollars over a period.",
  ),
  concurrency: setting(whole.min(0, "must not be negative").max(1_000_000), "Requests in flight at once."),
};
const about = {
  description: setting(text, "What people should know of it."),
  metadata: section(
    z.record(z.string(), z.string("expected a text"), "expected names and texts"),
    "Names and texts of your own.",
  ),
};
const rules = {
  models: setting(
    names,
    "What is below may call no other models: `gpt-4o`, `openai/*`, `regex:gpt-[45].*`. Default: all; `[]` is none.",
  ),
  blocked: setting(names, "Models that nothing below may call."),
  disabled: setting(flag, "Nothing below may call anything.", false),
};

const customer = z.strictObject({ ...about, ...rules, ...numbers }).nullable();
const team = z
  .strictObject({ customer: setting(text, "The customer it belongs to."), ...about, ...rules, ...numbers })
  .nullable();
const user = z
  .strictObject({
    team: setting(text, "The team they belong to."),
    customer: setting(text, "The customer they belong to, instead of a team."),
    ...about,
    ...rules,
    ...numbers,
  })
  .nullable();

const keyProvider = z
  .strictObject({
    weight: setting(
      z.number("expected a number").min(0, "must not be negative").max(1_000_000),
      "Share of the calls that name no provider. Default: none, so only when it is named.",
    ),
    models: setting(names, "Models of this provider that the key may call. Default: all."),
    blocked: setting(names, "Models of this provider that the key may not call."),
    keys: setting(
      z.array(text, "expected a list of names").max(1_000),
      "Names of the provider's keys to be used. Default: all; `[]` is none.",
    ),
    ...numbers,
  })
  .nullable();

const key = z.strictObject({
  value: text.meta({ description: "The secret that clients send: `env.NAME` or `file.PATH`, 20 characters or more." }),
  team: setting(text, "The team it belongs to."),
  user: setting(text, "The user it belongs to, instead of a team."),
  customer: setting(text, "The customer it belongs to, instead of a team."),
  ...about,
  models: setting(names, "Models it may call: `gpt-4o`, `openai/*`, `regex:gpt-[45].*`. Default: all; `[]` is none."),
  blocked: setting(names, "Models it may not call."),
  disabled: setting(flag, "Refuse the key.", false),
  unsupported: setting(
    z.enum(["strict", "drop"]),
    "A parameter that a provider cannot be told: `strict` refuses the request, `drop` leaves it out. Default: as the provider says.",
  ),
  raw: setting(flag, "It may be shown raw bodies; see `auth.raw_bodies`.", false),
  operations: setting(
    z.array(z.enum(operations), "expected a list of operations"),
    "What it may ask for: `[chat, embeddings]`. Default: everything; `[]` is nothing.",
  ),
  aliases: setting(
    z.record(z.string(), text, "expected models by name"),
    "Names of its own for models: `fast: openai/gpt-5-mini`. It may call what they stand for, or may not.",
  ),
  required: setting(
    z.array(text, "expected a list of names"),
    "What each of its requests must have in its body: `user`, `metadata.project`.",
  ),
  expires: setting(text, "Date and time from which it is refused: `2027-01-31T12:00:00Z`."),
  providers: section(
    z.record(z.string(), keyProvider, "expected providers by name"),
    "The providers it may use, and how. Default: all.",
  ),
  ...numbers,
});

const modelLimit = z.strictObject({
  model: setting(
    text.regex(modelEntry.pattern, modelEntry.message),
    "Model it counts: `gpt-4o`, `gpt-4*`, `regex:gpt-4o(-mini)?`. Default: all.",
  ),
  provider: setting(text, "Provider it counts. Default: all."),
  customer: setting(text, "Counts this customer's calls only."),
  team: setting(text, "Counts this team's calls only."),
  user: setting(text, "Counts this user's calls only."),
  key: setting(text, "Counts this key's calls only."),
  ...about,
  ...numbers,
});
const providerLimit = z.strictObject({ ...about, ...numbers }).nullable();

/** End users and tags are named by requests; most have never been seen before. */
function named(what: string, header: string) {
  return z.strictObject({
    header: setting(text, `Header that names the ${what}.`, header),
    required: setting(flag, `Refuse a request that names no ${what}.`, false),
    each: section(z.strictObject(numbers), `What each ${what} may do that has no entry of its own.`),
    known: section(
      z.record(z.string(), z.strictObject({ ...about, ...rules, ...numbers }).nullable(), "expected names"),
      `What single ${what}s may do.`,
    ),
    kept_max: setting(
      whole.min(1, "must be at least 1").max(1_000_000, "must not be more than 1000000"),
      `So many are counted one by one; all further ones share what one may do.`,
      50_000,
    ),
  });
}

export const governance = z.strictObject({
  customers: section(
    z.record(z.string(), customer, "expected customers by name"),
    "Customers, at the top of the tree.",
  ),
  teams: section(z.record(z.string(), team, "expected teams by name"), "Teams."),
  users: section(z.record(z.string(), user, "expected users by name"), "Users of yours."),
  keys: section(z.record(z.string(), key, "expected keys by name"), "Virtual keys whose secrets you bring."),
  model_limits: setting(
    z.array(modelLimit, "expected a list of limits").max(listMax),
    "Budgets and limits of a model, at a provider, for an owner; each part may be left out.",
  ),
  provider_limits: section(
    z.record(z.string(), providerLimit, "expected providers by name"),
    "Budgets and limits of a provider, whoever calls it.",
  ),
  end_users: section(
    named("end user", "x-bifrost-end-user"),
    "End users of your programs, named by a header, `user`, `metadata.user_id` or `safety_identifier`.",
  ),
  tags: section(named("tag", "x-bifrost-tags"), "Tags, named by a header or `metadata.tags`; at most 3 a request."),
});
