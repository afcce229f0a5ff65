/** A provider, its credentials and its way of speaking. */
import { z } from "zod";
import { defaults } from "../settings.ts";
import { clouds } from "./clouds.ts";
import { duration, flag, listMax, section, setting, text, whole } from "./setting.ts";
import { providerTimeouts } from "./timeouts.ts";

const keysMax = 1_000;
const { probe } = defaults;

const key = z.strictObject({
  name: setting(text, "What logs and `explain` call the key; never the secret. Default: provider name and position."),
  value: text.meta({ description: "The secret: `env.NAME` or `file.PATH`." }),
  weight: setting(
    z.number("expected a number").min(0, "must not be negative").max(1_000_000, "must not be more than 1000000"),
    "Share of the calls that this key gets, against the other keys of the provider; 0: only when a request names it.",
    1,
  ),
});

export const provider = z
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
      z.enum(["openai-chat", "openai-responses", "anthropic", "gemini", "bedrock-converse", "cohere"]),
      "Wire language that is spoken to the server, whoever calls. Default: the caller's own where the host serves it, else the host's; `openai-chat` for a custom one.",
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
    deployments: section(
      z.record(z.string(), text, "expected model names and what this account calls them"),
      "Model names and what this account calls them: an Azure deployment, an inference profile. Prices stay those of the model.",
    ),
    ...clouds,
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
    labels: section(
      z.record(z.string(), z.union([text, z.number(), flag]), "expected labels and their values"),
      "What this provider is, for requests that ask: `data_collection: deny`, `zdr: true`, `quantization: fp8`, or words of your own for rules.",
    ),
    probe: section(
      z.strictObject({
        kind: setting(
          z.enum(["models", "request"]),
          "What is asked: `models`, its list of models, which costs nothing; or `request`, a short answer of `model`, which costs what it costs and is charged to nobody's budget.",
          probe.kind,
        ),
        interval: setting(duration, "How often; at least 1s.", probe.interval),
        timeout: setting(duration, "Longest wait for the beginning of an answer.", probe.timeout),
        path: setting(text, "Where the list of models is, after the base URL.", probe.path),
        model: setting(text, "The model that `request` asks."),
      }),
      "Asks the provider how it is when nobody else does, for its breakers. Off unless written here.",
    ),
    concurrency_max: setting(
      whole.min(1, "must be at least 1").max(1_000_000, "must not be more than 1000000"),
      "Most calls to this provider at once, over all workers; beyond it requests wait as `routing.queue` says. Default: no limit.",
    ),
    connections_max: setting(
      whole.min(1, "must be at least 1").max(65_535, "must not be more than 65535"),
      "Upper bound of open connections to this provider, per worker; beyond it requests wait in a queue.",
      defaults.provider.connections_max,
    ),
  })
  .nullable();
