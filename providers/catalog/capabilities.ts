/**
 * What a model can do, as far as it is known: from the makers' model pages, by the model's name wherever it is hosted, and
 * from its prices. A model that is not here says nothing: newer ones are not guessed from older.
 */
import type { Price } from "./price.ts";

export const capabilityNames = [
  "audio",
  "caching",
  "documents",
  "reasoning",
  "structured_output",
  "tools",
  "vision",
] as const;
export type Capability = (typeof capabilityNames)[number];

/** What the config says of models, in place of what is known: `provider/model`, or a beginning of it followed by `*`. */
export type ModelFacts = {
  readonly match: string;
  /** Tokens. */
  readonly context?: number | undefined;
  /** Tokens. */
  readonly outputMax?: number | undefined;
} & { readonly [name in Capability]?: boolean | undefined };

/** The first that fits counts. A name may stand behind a maker's (`anthropic.claude-…`, `openai/gpt-…`). */
const families: readonly (readonly [name: RegExp, can: string])[] = [
  [
    /claude-(opus-4-[5-9]|sonnet-4-[5-9]|haiku-4-[5-9]|opus-4-1)/,
    "vision documents tools structured_output reasoning caching",
  ],
  [/claude-((opus|sonnet)-4|3-7-sonnet)/, "vision documents tools reasoning caching"],
  [/claude-3-5-sonnet/, "vision documents tools caching"],
  [/claude-3-5-haiku/, "vision tools caching"],
  [/claude-3-(opus|haiku|sonnet)/, "vision tools"],
  [/gpt-5(\.\d)?-chat/, "vision structured_output caching"],
  [/gpt-5(\.\d)?(-|$|:)/, "vision documents tools structured_output reasoning caching"],
  [/(^|[/.])o3-mini/, "tools structured_output reasoning caching"],
  [/(^|[/.])(o3|o4-mini)(-|$)/, "vision documents tools structured_output reasoning caching"],
  [/(^|[/.])o1(-20\d\d|$)/, "vision tools structured_output reasoning caching"],
  [/gpt-4\.1/, "vision documents tools structured_output caching"],
  [/gpt-4o(-mini)?-(audio|realtime)/, "audio tools"],
  [/gpt-4o(-mini)?(-20\d\d|$)/, "vision documents tools structured_output caching"],
  [/gpt-4-turbo/, "vision tools"],
  [/gpt-3\.5-turbo(?!-instruct)/, "tools"],
  [/gpt-oss/, "tools structured_output reasoning"],
  [
    /gemini-(2\.5|3(\.\d)?)-(pro|flash|flash-lite)(-preview|-\d|$)/,
    "vision audio documents tools structured_output reasoning caching",
  ],
  [/gemini-2\.0-flash(-lite)?(-\d|$)/, "vision audio documents tools structured_output"],
  [/gemini-1\.5-(pro|flash)/, "vision audio documents tools structured_output caching"],
  [/command-a-vision/, "vision"],
  [/command-a-reasoning/, "tools structured_output reasoning"],
  [/command-(a|r)(-|$)/, "tools structured_output"],
  [/grok-4/, "vision tools structured_output reasoning"],
  [/deepseek-(reasoner|r1)/, "reasoning"],
  [/pixtral/, "vision tools"],
];

/** In alphabetical order; undefined: nothing is known. */
export function capabilitiesOf(
  model: string,
  price: Price | undefined,
  facts: ModelFacts | undefined,
): readonly Capability[] | undefined {
  const known = families.find(([name]) => name.test(model))?.[1];
  const can = new Set<string>(known?.split(" "));
  // Only what can be done has a price of its own.
  if (price?.cacheRead !== undefined) can.add("caching");
  if (price?.audioInput !== undefined) can.add("audio");
  let isTold = known !== undefined || can.size > 0;
  for (const name of capabilityNames) {
    const said = facts?.[name];
    if (said === undefined) continue;
    isTold = true;
    if (said) can.add(name);
    else can.delete(name);
  }
  return isTold ? capabilityNames.filter((name) => can.has(name)) : undefined;
}
