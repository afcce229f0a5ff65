/** What may go wrong in the simulator, and when; and what is asked of the gateway meanwhile. */
import { dice } from "../support/routing-lab.ts";

/** How an upstream behaves, from and until when; outside of that it is well. */
export type Trouble = {
  readonly provider: string;
  readonly credential?: string;
  readonly kind: "down" | "slow" | "straggling" | "limited" | "revoked" | "cut" | "lying" | "flaky";
  readonly fromMs: number;
  readonly untilMs: number;
};

export type Scenario = {
  readonly name: string;
  readonly requests: number;
  readonly everyMs: number;
  readonly troubles: readonly Trouble[];
  readonly hedging?: keyof typeof hedgings;
};

export const providers = ["alpha", "beta", "gamma"] as const;
/** One answer in so many is slow, where a provider is straggling. */
export const stragglerEvery = 30;

/** For every model: when another target is asked beside the first. */
export const hedgings = {
  "after 300 ms": { after: "300ms", min: "1ms", max_share: 1 },
  "after p95": { after: "p95", min: "50ms", max_share: 0.1 },
};

const kinds = ["down", "slow", "straggling", "limited", "revoked", "cut", "lying", "flaky"] as const;

/** Two or three troubles at any time and place. */
export function randomScenario(seed: number): Scenario {
  const random = dice(seed ^ 0x5eed);
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)]!;
  const troubles = Array.from({ length: 1 + Math.floor(random() * 3) }, (): Trouble => {
    const name = pick(providers);
    const kind = pick(kinds);
    const fromMs = Math.floor(random() * 3_000);
    const untilMs = fromMs + Math.floor(random() * 8_000);
    return { provider: name, ...(kind === "revoked" ? { credential: `${name}-one` } : {}), kind, fromMs, untilMs };
  });
  return {
    name: JSON.stringify(troubles),
    requests: 24 + Math.floor(random() * 16),
    everyMs: pick([5, 40, 250]),
    ...pick([{}, {}, { hedging: "after 300 ms" }, { hedging: "after p95" }] as const),
    troubles,
  };
}

const always = { fromMs: 0, untilMs: Number.POSITIVE_INFINITY };
const steady = { requests: 2_000, everyMs: 40 };

const slow: Omit<Scenario, "name"> = { ...steady, troubles: [{ provider: "alpha", kind: "slow", ...always }] };
const straggling: Omit<Scenario, "name"> = {
  ...steady,
  troubles: providers.map((name) => ({ provider: name, kind: "straggling", ...always })),
};

/** What the table is about. */
export const scenarios: readonly Scenario[] = [
  { name: "all well", ...steady, troubles: [] },
  { name: "one provider down", ...steady, troubles: [{ provider: "alpha", kind: "down", ...always }] },
  { name: "one provider slow", ...slow },
  { name: "one provider slow, hedged after 300 ms", ...slow, hedging: "after 300 ms" },
  { name: "one provider slow, hedged after p95", ...slow, hedging: "after p95" },
  { name: `one answer in ${stragglerEvery} slow`, ...straggling },
  { name: `one answer in ${stragglerEvery} slow, hedged after p95`, ...straggling, hedging: "after p95" },
  { name: "one provider rate-limited", ...steady, troubles: [{ provider: "alpha", kind: "limited", ...always }] },
  {
    name: "one key revoked",
    ...steady,
    troubles: [{ provider: "alpha", credential: "alpha-one", kind: "revoked", ...always }],
  },
];
