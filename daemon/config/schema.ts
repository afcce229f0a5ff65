/**
 * The shape of the config file. Its sections in `schema/` are the only place where its keys are named and explained:
 * the reference page, the JSON Schema and "did you mean" are all read from here. It checks and never changes a value;
 * `build.ts` gives values their meaning.
 */
import { z } from "zod";
import { auth } from "./schema/auth.ts";
import { ledger, price } from "./schema/ledger.ts";
import { admin, network } from "./schema/network.ts";
import { provider } from "./schema/providers.ts";
import { log, record } from "./schema/record.ts";
import { server } from "./schema/server.ts";
import { flag, section, setting, text } from "./schema/setting.ts";
import { timeouts } from "./schema/timeouts.ts";

const targets = z.union([text, z.array(text).min(1).max(16)], "expected a model name or a list of 1 to 16 of them");

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
    "Model names of your own, and the model each stands for.",
  ),
  fallbacks: section(
    z.record(z.string(), targets, "expected model names and what is tried after them"),
    "What is tried, in order, when a model fails before its answer has begun; `*` for every model.",
  ),
  prices: section(
    z.record(z.string(), price, "expected prices by model"),
    "Prices by `provider/model` or `provider/*`, before those of the catalog; the first match counts.",
  ),
  ledger: section(ledger, "How budgets are held and settled."),
  record: section(record, "What is kept of each request."),
  log: section(log, "The daemon's own log."),
  network: section(network, "The way out to the providers."),
  admin: section(admin, "The admin API that the command line uses."),
});

/** A config file that passed the schema: still in people's units, references unresolved. */
export type ConfigFile = z.infer<typeof configSchema>;
export type ProviderEntry = NonNullable<NonNullable<ConfigFile["providers"]>[string]>;
export type TimeoutsEntry = z.infer<typeof timeouts>;
