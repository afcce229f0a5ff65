/**
 * The shape of the config file, and the only place where its keys are named and explained: the reference page, the
 * JSON Schema and "did you mean" are all read from here. It checks and never changes a value; `build.ts` gives values
 * their meaning.
 */
import { z } from "zod";
import { picoPerTokenMax } from "../../providers/catalog/price.ts";
import { defaults } from "./settings.ts";
import { budgetPattern, durationPattern, sizePattern } from "./units.ts";

const portMax = 65_535;
const workersMax = 64;
const keysMax = 1_000;
const listMax = 10_000;
const textMax = 4_096;

/** Attaches what a person reads; `fallback` is the default, shown and never applied here. */
function setting<T extends z.ZodType>(type: T, description: string, fallback?: unknown): z.ZodOptional<T> {
  const about = fallback === undefined ? { description } : { description, default: fallback };
  return type.optional().meta(about) as z.ZodOptional<T>;
}

/** A section whose keys are all commented out is nothing in YAML; it says nothing, and that is no fault. */
function section<T extends z.ZodType>(type: T, description: string): z.ZodOptional<z.ZodNullable<T>> {
  return setting(type.nullable(), description);
}

const text = z.string().min(1, "must not be empty").max(textMax, `must not be longer than ${textMax} characters`);
const flag = z.boolean();
const duration = z
  .string("expected a duration such as 30s, 5m or 2h")
  .regex(durationPattern, "expected a duration such as 30s, 5m or 2h");
const size = z
  .string("expected a size such as 512KB or 32MB")
  .regex(sizePattern, "expected a size such as 512KB or 32MB");
const whole = z.int("expected a whole number");
/** The catalog takes no more, a million tokens or a request. */
const priceMax = picoPerTokenMax / 1e6;
const dollars = z
  .number("expected a number of dollars")
  .min(0, "must not be negative")
  .max(priceMax, `must not be more than ${priceMax}`);

/** The timers stand twice: in general, with defaults, and for one provider, where the general ones are the default. */
const timeouts = timers(defaults.timeouts);
const providerTimeouts = timers({});

function timers(usual: Partial<typeof defaults.timeouts>) {
  return z.strictObject({
    connect: setting(duration, "Longest wait for a connection to the provider, TLS included.", usual.connect),
    first_byte_stream: setting(
      duration,
      "Longest wait for the first byte of a streamed answer.",
      usual.first_byte_stream,
    ),
    first_byte: setting(
      duration,
      "Longest wait for the first byte of an answer that is not streamed.",
      usual.first_byte,
    ),
    idle: setting(duration, "Longest silence of the provider once the answer has begun.", usual.idle),
    client_stall: setting(
      duration,
      "Longest time a client may take no byte before the call is given up.",
      usual.client_stall,
    ),
    total: setting(duration, "Longest life of one call, streamed or not.", usual.total),
  });
}

const key = z.strictObject({
  name: setting(text, "What logs and `explain` call the key; never the secret. Default: provider name and position."),
  value: text.meta({ description: "The secret: `env.NAME` or `file.PATH`." }),
  weight: setting(
    z.number("expected a number").positive("must be more than 0").max(1_000_000, "must not be more than 1000000"),
    "Share of the calls that this key gets, against the other keys of the provider.",
    1,
  ),
});

const provider = z
  .strictObject({
    host: setting(
      text,
      "Known host whose base URL, credential header and quirks are used. Default: the provider's own name, or `custom` when only `base_url` is given.",
    ),
    base_url: setting(
      text,
      "Where the API lives, without the operation's path: `http://127.0.0.1:8000/v1`. Default: the host's.",
    ),
    dialect: setting(
      z.enum(["openai-chat", "anthropic"]),
      "Wire language the server speaks. Default: the host's, `openai-chat` for a custom one.",
    ),
    api_key: setting(
      text,
      "The secret, `env.NAME` or `file.PATH`. Default: the host's usual environment variable, if the base URL is the host's own.",
    ),
    keys: setting(
      z.array(key, "expected a list of keys").min(1, "must not be empty").max(keysMax),
      "Several secrets instead of `api_key`; calls are spread over them by weight.",
    ),
    models: setting(
      z.array(text, "expected a list of model names").max(listMax),
      "Models listed by `GET /v1/models` and found by their bare name. Default: what the catalog knows of the host.",
    ),
    any_model: setting(
      flag,
      "Pass on model names that are not listed as well, and let the provider decide.",
      defaults.provider.any_model,
    ),
    headers: section(
      z.record(z.string(), text, "expected header names and values"),
      "Extra headers on every request to this provider. A value may be `env.NAME` or `file.PATH`, also after `Bearer`.",
    ),
    timeouts: section(providerTimeouts, "Timers for this provider, each in place of the general one."),
    ca_file: setting(text, "PEM file of certificate authorities to trust instead of the usual ones, for a private CA."),
    tls_verify: setting(
      flag,
      "Check the provider's certificate. Turn off only to look at a broken set-up.",
      defaults.provider.tls_verify,
    ),
    proxy: setting(
      text,
      "Proxy for this provider: a URL, `env.NAME`, or `none`. Default: the proxy of `network`, or of the environment.",
    ),
    strict: setting(
      flag,
      "Answer 400 to a parameter that the provider's dialect cannot express, instead of dropping it with a report.",
      defaults.provider.strict,
    ),
    free: setting(flag, "Calls cost nothing. Default: true for local servers and `echo`, false for all others."),
    connections_max: setting(
      whole.min(1, "must be at least 1").max(65_535, "must not be more than 65535"),
      "Upper bound of open connections to this provider, per worker; beyond it requests wait in a queue.",
      defaults.provider.connections_max,
    ),
  })
  .nullable();

const server = z.strictObject({
  host: setting(text, "Address to listen on; `0.0.0.0` for all. Takes effect at restart.", defaults.server.host),
  port: setting(
    whole.min(0, "must be at least 0").max(portMax, `must not be more than ${portMax}`),
    "Port to listen on; 0 lets the system choose. Takes effect at restart.",
    defaults.server.port,
  ),
  workers: setting(
    whole.min(1, "must be at least 1").max(workersMax, `must not be more than ${workersMax}`),
    "Threads that serve requests; more than one needs Linux. Takes effect at restart.",
    defaults.server.workers,
  ),
  body_max: setting(size, "Largest request body; a larger one gets 413.", defaults.server.body_max),
  bodies_max: setting(size, "Most bytes of request bodies held at once by one worker.", defaults.server.bodies_max),
  header_max: setting(size, "Largest request head; a larger one gets 431.", defaults.server.header_max),
  requests_max: setting(
    whole.min(1, "must be at least 1").max(1_000_000, "must not be more than 1000000"),
    "Most requests in flight in one worker; one more gets 503.",
    defaults.server.requests_max,
  ),
  keep_alive: setting(duration, "How long an idle client connection is kept open.", defaults.server.keep_alive),
  request_timeout: setting(
    duration,
    "A request's head and body must have arrived within this time.",
    defaults.server.request_timeout,
  ),
  hold_back: setting(
    duration,
    "Longest wait for a first meaningful event before a stream's status is sent.",
    defaults.server.hold_back,
  ),
  keep_alive_comment: setting(
    duration,
    "After this much silence in a stream, a comment is sent to keep the connection alive.",
    defaults.server.keep_alive_comment,
  ),
  drain: setting(duration, "How long a stopping daemon lets running requests finish.", defaults.server.drain),
});

const auth = z.strictObject({
  inference: setting(
    z.enum(["keys", "open"]),
    "Who may call models: `keys` (holders of a virtual key) or `open` (anyone who reaches the port).",
    defaults.auth.inference,
  ),
  first_key_budget: setting(
    z
      .string("expected dollars and a period such as 10/1d, or none")
      .regex(new RegExp(`^none$|${budgetPattern.source}`), "expected dollars and a period such as 10/1d, or none"),
    "Budget of the key that the first start creates, in dollars per period, or `none`.",
    defaults.auth.first_key_budget,
  ),
});

const price = z
  .strictObject({
    input: setting(dollars, "Dollars per million input tokens."),
    output: setting(dollars, "Dollars per million output tokens."),
    cache_read: setting(dollars, "Dollars per million input tokens read from the provider's cache."),
    cache_write_5m: setting(dollars, "Dollars per million tokens written to a cache of five minutes."),
    cache_write_1h: setting(dollars, "Dollars per million tokens written to a cache of one hour."),
    request: setting(dollars, "Dollars per request, besides the tokens."),
  })
  .refine((price) => Object.keys(price).length > 0, "says no price");

const ledger = z.strictObject({
  durability: setting(
    z.enum(["grouped", "strict"]),
    "`grouped` calls the provider while the hold is being written, `strict` only once it is on disk.",
    defaults.ledger.durability,
  ),
  hold_input: setting(
    z.enum(["learned", "bytes"]),
    "How much is held for a prompt: by what its tokens per byte usually are, or by its length in bytes (never too low).",
    defaults.ledger.hold_input,
  ),
  no_cap: setting(
    z.enum(["estimate", "inject", "refuse"]),
    "A budgeted request without an output limit: hold an estimate, write a limit into it, or refuse it.",
    defaults.ledger.no_cap,
  ),
  inject_cap: setting(
    whole.min(1, "must be at least 1").max(10_000_000, "must not be more than 10000000"),
    "Output limit in tokens that `no_cap: inject` writes.",
    defaults.ledger.inject_cap,
  ),
  commit_lag_max: setting(
    duration,
    "When the disk is further behind than this, new budgeted calls get 503.",
    defaults.ledger.commit_lag_max,
  ),
  allow_unpriced: setting(
    flag,
    "Let budgeted keys call models whose price is unknown.",
    defaults.ledger.allow_unpriced,
  ),
  zone: setting(text, "Time zone in which calendar budgets begin, such as `Europe/Berlin`.", defaults.ledger.zone),
});

const record = z.strictObject({
  requests: setting(flag, "Keep one row per request in `traffic.db`.", defaults.record.requests),
  retention: setting(duration, "How long request rows are kept.", defaults.record.retention),
  audit: setting(flag, "Keep one hash-chained audit row per request.", defaults.record.audit),
  audit_on_failure: setting(
    z.enum(["block", "count"]),
    "When the audit trail cannot be written: refuse requests, or serve and count what is missing.",
    defaults.record.audit_on_failure,
  ),
});

const log = z.strictObject({
  level: setting(z.enum(["debug", "info", "warn", "error"]), "Least severe line the daemon logs.", defaults.log.level),
  format: setting(z.enum(["json", "text"]), "One JSON object a line, or text for people.", defaults.log.format),
  file: setting(text, "File to append to, relative to the config file. Default: standard error."),
});

const network = z.strictObject({
  proxy: setting(
    text,
    "Proxy for all providers: a URL, `env.NAME`, or `none`. Default: HTTPS_PROXY and HTTP_PROXY of the environment.",
  ),
  no_proxy: setting(
    z.array(text, "expected a list of hosts").max(listMax),
    "Hosts reached directly: names with all below them, `host:port`, addresses, networks as `10.0.0.0/8`, or `*`. Default: NO_PROXY of the environment.",
  ),
});

const admin = z.strictObject({
  socket: setting(
    text,
    "Path of the admin API's Unix socket. Default: `admin.sock` in the home. Takes effect at restart.",
  ),
});

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
