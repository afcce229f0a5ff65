/** Prices, and how budgets are held and settled. */
import { z } from "zod";
import { defaults } from "../settings.ts";
import { dollars, duration, flag, section, setting, text, whole } from "./setting.ts";

const tier = z.strictObject({
  above: z
    .int("expected a whole number of tokens")
    .min(1, "must be at least 1")
    .max(10_000_000, "must not be more than 10000000")
    .meta({ description: "Tokens of the prompt beyond which it counts." }),
  input: setting(dollars, "Dollars per million input tokens."),
  output: setting(dollars, "Dollars per million output tokens."),
  cache_read: setting(dollars, "Dollars per million input tokens read from the provider's cache."),
  cache_write_5m: setting(dollars, "Dollars per million tokens written to a cache of five minutes."),
  cache_write_1h: setting(dollars, "Dollars per million tokens written to a cache of one hour."),
});

export const price = z
  .strictObject({
    input: setting(dollars, "Dollars per million input tokens."),
    output: setting(dollars, "Dollars per million output tokens."),
    cache_read: setting(dollars, "Dollars per million input tokens read from the provider's cache."),
    cache_write_5m: setting(dollars, "Dollars per million tokens written to a cache of five minutes."),
    cache_write_1h: setting(dollars, "Dollars per million tokens written to a cache of one hour."),
    audio_input: setting(dollars, "Dollars per million input tokens of sound."),
    audio_output: setting(dollars, "Dollars per million output tokens of sound."),
    audio_cache_read: setting(dollars, "Dollars per million input tokens of sound read from the provider's cache."),
    image_input: setting(dollars, "Dollars per million input tokens of pictures."),
    image_output: setting(dollars, "Dollars per million output tokens of pictures."),
    image_cache_read: setting(dollars, "Dollars per million input tokens of pictures read from the provider's cache."),
    reasoning: setting(dollars, "Dollars per million output tokens of reasoning, where they do not cost as the rest."),
    request: setting(dollars, "Dollars per request, besides the tokens."),
    server_tool: setting(dollars, "Dollars per call of a tool that the provider runs, such as a web search."),
    file_search: setting(dollars, "Dollars per search of files that the provider keeps."),
    container: setting(
      dollars,
      "Dollars per gigabyte of a container in which the provider runs code, for a session of twenty minutes.",
    ),
    image: setting(dollars, "Dollars per picture made, for models that are billed by the picture."),
    characters: setting(dollars, "Dollars per million characters spoken."),
    audio_hour: setting(dollars, "Dollars per hour of sound listened to."),
    search: setting(dollars, "Dollars per search unit of a ranking."),
    page: setting(dollars, "Dollars per page of a document that is read."),
    video_second: setting(dollars, "Dollars per second of film made."),
    video_sizes: setting(
      z.record(
        z.string().regex(/^[a-z0-9:_-]{1,32}$/i, "expected a size, such as 1792x1024"),
        dollars,
        "expected dollars per second by size, such as { 1792x1024: 0.5 }",
      ),
      "Dollars per second of film in sizes that cost other than `video_second`.",
    ),
    tiers: setting(
      z.array(tier, "expected a list of prices for longer prompts").max(8, "must not have more than 8 entries"),
      "Prices of a request whose whole prompt is longer than `above` tokens; what one does not name stays.",
    ),
    service_tiers: setting(
      z.record(
        z.string().regex(/^[a-z0-9_-]{1,32}$/, "expected a tier's name, such as flex"),
        z.number("expected a number").min(0, "must not be negative").max(10, "must not be more than 10"),
        "expected shares by service tier, such as { flex: 0.5 }",
      ),
      "What the provider's other service tiers cost, as shares of this price.",
    ),
  })
  .refine((price) => Object.keys(price).length > 0, "says no price")
  .refine(
    ({ video_sizes: sizes, video_second: second }) => sizes === undefined || second !== undefined,
    "video_sizes needs video_second, for every other size",
  );

export const ledger = z.strictObject({
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
  on_exhaust: setting(
    z.enum(["finish", "cut", "extend"]),
    "A streamed answer without an output limit that outruns what was held: let it finish, cut it, or hold more and cut it when the budget has no room.",
    defaults.ledger.on_exhaust,
  ),
  downgrade: section(
    z.record(z.string(), z.union([text, z.array(text).min(1).max(16)]), "expected model names and cheaper ones"),
    "What is asked instead, in order, when the budget does not cover a model; `*` for every model.",
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
