/**
 * The shape of the config file. Its sections in `schema/` are the only place where its keys are named and explained:
 * the reference page, the JSON Schema and "did you mean" are all read from here. It checks and never changes a value;
 * `build.ts` gives values their meaning.
 */
import { z } from "zod";
import { auth } from "./schema/auth.ts";
import { modelFacts } from "./schema/catalog.ts";
import { compat } from "./schema/compat.ts";
import { governance } from "./schema/governance.ts";
import { ledger, price } from "./schema/ledger.ts";
import { admin, network } from "./schema/network.ts";
import { provider } from "./schema/providers.ts";
import { log, record } from "./schema/record.ts";
import { fallbackTargets, group, hedge, routing } from "./schema/routing.ts";
import { server } from "./schema/server.ts";
import { flag, section, setting, text } from "./schema/setting.ts";
import { alerts, metrics, tracing } from "./schema/telemetry.ts";
import { providerTimeouts, timeouts } from "./schema/timeouts.ts";

export const configSchema = z.strictObject({
  server: section(server, "The listener for clients."),
  auth: section(auth, "Who may call models."),
  providers: section(
    z.record(z.string(), provider, "expected providers by name"),
    "Providers by the name used in `provider/model`. An empty entry is enough for a known host whose usual environment variable is set.",
  ),
  echo: setting(flag, "Offer the built-in test models `echo/echo` (free) and `echo-paid/echo-paid` (priced).", true),
  timeouts: section(timeouts, "Timers of every call to a provider."),
  aliases: section(
    z.record(z.string(), text, "expected alias names and the models they stand for"),
    "Model names of your own, and the model each stands for; a name with one `*` stands for many.",
  ),
  groups: section(
    z.record(z.string(), group, "expected group names and their targets"),
    "Model names of your own that stand for several targets.",
  ),
  fallbacks: section(
    z.record(z.string(), fallbackTargets, "expected model names and what is tried after them"),
    "What is tried, in order, when a model fails before its answer has begun; `*` for every model.",
  ),
  hedging: section(
    z.record(z.string(), hedge, "expected model names and when a second target is asked"),
    "Models and groups, as asked, for which a second target is asked when the first takes unusually long; whoever speaks first answers. One `*` allowed. Off unless named here.",
  ),
  routing: section(routing, "How a request finds its target, and what happens when it fails."),
  model_timeouts: section(
    z.record(z.string(), providerTimeouts, "expected models and their timers"),
    "Timers by `provider/model`, one `*` allowed, in place of the provider's; the first match counts.",
  ),
  prices: section(
    z.record(z.string(), price, "expected prices by model"),
    "Prices by `provider/model` or `provider/*`, before those of the catalog; the first match counts.",
  ),
  catalog: section(
    z.record(z.string(), modelFacts, "expected what is known of models"),
    "What models are and can do, by `provider/model` or `provider/*`, before what the catalog knows; the first match counts.",
  ),
  governance: section(governance, "Customers, teams, users, keys and limits of yours."),
  ledger: section(ledger, "How budgets are held and settled."),
  record: section(record, "What is kept of each request."),
  metrics: section(metrics, "What Prometheus can scrape."),
  tracing: section(tracing, "Spans of requests, for an OpenTelemetry collector."),
  alerts: section(alerts, "Who is told when something is wrong."),
  log: section(log, "The daemon's own log."),
  network: section(network, "The way out to the providers."),
  compat: section(compat, "Habits of other gateways."),
  admin: section(admin, "The admin API that the command line uses."),
});

/** A config file that passed the schema: still in people's units, references unresolved. */
export type ConfigFile = z.infer<typeof configSchema>;
export type ProviderEntry = NonNullable<NonNullable<ConfigFile["providers"]>[string]>;
export type TimeoutsEntry = z.infer<typeof timeouts>;
