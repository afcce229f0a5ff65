/** Where requests go: groups, strategies, rules, and what keeps failing places from being asked. */
import { z } from "zod";
import { strategyNames } from "../routing-data.ts";
import { defaults } from "../settings.ts";
import { duration, flag, section, setting, text, whole } from "./setting.ts";

const usual = defaults.routing;
const usualHedge = defaults.hedge;
const targetsMax = 64;
const rulesMax = 500;

const weight = z
  .number("expected a number")
  .min(0, "must not be negative")
  .max(1_000_000, "must not be more than 1000000");
const strategy = z.enum(strategyNames);
const attempts = whole.min(0, "must not be negative").max(10, "must not be more than 10");
const share = z.number("expected a number").min(0, "must not be negative").max(1, "must not be more than 1");

const hop = z.union(
  [
    text,
    z.strictObject({
      target: text.meta({ description: "`provider/model`, a bare model name or an alias." }),
      weight: setting(weight, "Share of the calls, against the other targets; 0: only when the others fail.", 1),
      retries: setting(attempts, "Retries at this target, in place of `routing.retries.max`."),
    }),
  ],
  "expected a target, or an object with target and weight",
);
const hops = z.array(hop, "expected a list of targets").min(1, "must not be empty").max(targetsMax);
const names = z.union([text, z.array(text).min(1).max(16)], "expected a model name or a list of 1 to 16 of them");

/** A name or a list for any failure, or lists by what went wrong. */
export const fallbackTargets = z.union(
  [
    text,
    z.array(text).min(1).max(16),
    z.strictObject({
      any: setting(names, "Tried after any failure that another target may not have."),
      context_window: setting(names, "Tried instead when the prompt was too long for the model."),
      content_policy: setting(names, "Tried instead when the provider refused the content."),
    }),
  ],
  "expected a model name, a list of 1 to 16 of them, or lists by kind of failure",
);

export const group = z.strictObject({
  targets: hops.meta({ description: "The places that the name stands for." }),
  strategy: setting(
    strategy,
    "How one of them is chosen; the others follow when it fails. Default: `routing.strategy`.",
  ),
});

export const hedge = z.strictObject({
  after: setting(
    z.string().regex(/^(p[5-9]\d|\d+(\.\d+)?(ms|s|m))$/, "expected p50 to p99, or a duration such as 800ms"),
    "How long the first target may take to say something before a second is asked: a percentile of its own times, or a duration.",
    usualHedge.after,
  ),
  min: setting(duration, "Never sooner than this.", usualHedge.min),
  max_share: setting(
    share,
    "Second attempts for each request to the first target, over time; what they add to the load and may add to the bill.",
    usualHedge.max_share,
  ),
});

export const rule = z.strictObject({
  name: text.meta({ description: "What `explain` and metrics call the rule." }),
  when: setting(text, 'CEL over the request, such as `tokens > 100000 && model.startsWith("gpt")`. Default: always.'),
  scope: setting(
    z
      .string()
      .regex(
        /^(global|(key|team|customer|user):.+)$/,
        "expected global, key:NAME, team:NAME, customer:NAME or user:NAME",
      ),
    "Whose requests it is about: `global`, `key:NAME`, `user:NAME`, `team:NAME` or `customer:NAME`. The nearest scope is asked first.",
    "global",
  ),
  priority: setting(whole, "Within a scope the lowest is asked first; the first rule that holds decides.", 0),
  targets: setting(hops, "Where its requests go. Default: where they would go anyway."),
  strategy: setting(strategy, "How one of several targets is chosen. Default: `routing.strategy`."),
  fallbacks: setting(names, "What is tried after the targets, in place of what `fallbacks` says."),
  chain: setting(flag, "Ask the rules once more, with the model that this one chose.", false),
  enabled: setting(flag, "False takes the rule out without deleting it.", true),
});

export const routing = z.strictObject({
  strategy: setting(
    strategy,
    "How one of several targets is chosen: `ordered`, `weighted`, `least_busy`, `lowest_latency`, `lowest_cost`, `headroom` (most of its limits left), `adaptive` (by errors, latency and load), `price_weighted` (OpenRouter's: no outage in 30 s, then one over price squared).",
    usual.strategy,
  ),
  bare_names: setting(
    z.enum(["first", "all"]),
    "A model name without a provider means the `first` provider that has it, or `all` of them as a group.",
    usual.bare_names,
  ),
  attempts_max: setting(
    whole.min(1, "must be at least 1").max(100, "must not be more than 100"),
    "Most attempts of one request: retries, credentials and targets together.",
    usual.attempts_max,
  ),
  retries: section(
    z.strictObject({
      max: setting(attempts, "Retries at one target after a fault of the provider. SDKs retry too.", usual.retries.max),
      backoff: setting(
        duration,
        "Longest pause before the first retry, doubled for each; the pause itself is drawn between 0 and that.",
        usual.retries.backoff,
      ),
      backoff_max: setting(duration, "Longest pause before any retry.", usual.retries.backoff_max),
      budget: setting(share, "Retries a provider gets for each request, over time.", usual.retries.budget),
      wait_max: setting(
        duration,
        "A longer wait than this that a provider asks for is not waited: the next target is tried.",
        usual.retries.wait_max,
      ),
    }),
    "Trying the same place again.",
  ),
  breaker: section(
    z.strictObject({
      enabled: setting(
        flag,
        "Leave out targets that fail, and credentials that their provider has told to wait.",
        usual.breaker.enabled,
      ),
      failures: setting(
        whole.min(1, "must be at least 1").max(1_000, "must not be more than 1000"),
        "Faults of the provider in a row that open it.",
        usual.breaker.failures,
      ),
      error_rate: setting(share, "Share of failed requests in the window that opens it.", usual.breaker.error_rate),
      requests_min: setting(
        whole.min(1, "must be at least 1").max(1_000_000, "must not be more than 1000000"),
        "Below this many requests in the window the share says nothing.",
        usual.breaker.requests_min,
      ),
      window: setting(duration, "What the share is taken over; at most 30s.", usual.breaker.window),
      open: setting(duration, "How long an open target is left alone, doubled each time in a row.", usual.breaker.open),
      open_max: setting(duration, "Longest time it is left alone.", usual.breaker.open_max),
      probe: setting(
        duration,
        "After this long without an answer a probe is lost and another is sent.",
        usual.breaker.probe,
      ),
      ramp: setting(
        duration,
        "How long a target that has recovered takes to get its whole share again, where others can take the rest.",
        usual.breaker.ramp,
      ),
    }),
    "When a target is left out.",
  ),
  affinity: section(
    z.strictObject({
      by: setting(
        z.array(z.enum(["session", "cache_key", "prompt"])).max(3),
        "What keeps a conversation where it began: a `session` id, the request's prompt `cache_key`, the first messages of the `prompt`.",
        usual.affinity.by,
      ),
      ttl: setting(duration, "How long after its last request a conversation is remembered.", usual.affinity.ttl),
    }),
    "Keeping a conversation at one provider and credential, which keeps the provider's prompt cache warm.",
  ),
  streams: section(
    z.strictObject({
      release_tokens: setting(
        whole.min(0, "must not be negative").max(10_000, "must not be more than 10000"),
        "Hold a stream back until about this many tokens have come, so that a provider which dies early is replaced unseen.",
        usual.streams.release_tokens,
      ),
      release_after: setting(duration, "Or until this long after the first of them.", usual.streams.release_after),
      rate_min: setting(
        whole.min(0, "must not be negative").max(100_000, "must not be more than 100000"),
        "Characters a second below which a stream is given up while it is held back; 0: never.",
        usual.streams.rate_min,
      ),
      rate_window: setting(
        duration,
        "Time since the first content over which that is taken.",
        usual.streams.rate_window,
      ),
    }),
    "What a stream must show before it is let go.",
  ),
  queue: section(
    z.strictObject({
      max: setting(
        whole.min(0, "must not be negative").max(100_000, "must not be more than 100000"),
        "Requests that may wait for one provider, per worker; one more gets 503.",
        usual.queue.max,
      ),
      wait: setting(duration, "Longest wait; then 503 with `retry-after`.", usual.queue.wait),
      scopes: setting(
        flag,
        "Let requests wait where a key's or scope's concurrency limit is reached.",
        usual.queue.scopes,
      ),
    }),
    "Waiting where `concurrency_max` of a provider is reached.",
  ),
  chain_max: setting(
    whole.min(1, "must be at least 1").max(10, "must not be more than 10"),
    "Most rules that one request may pass through by `chain`.",
    usual.chain_max,
  ),
  rules: setting(
    z.array(rule, "expected a list of rules").max(rulesMax),
    "Rules that decide by what a request is where it goes; the first that holds decides.",
    [],
  ),
});
