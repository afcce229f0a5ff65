/**
 * Traffic as a small shop might have it, sent to a daemon whose providers are all `echo`. Hides the dice: who asks what,
 * how long it takes, what goes wrong. The same seed throws the same.
 */
import { Agent, request } from "node:http";

/** `channel`: where alerts are told. */
export const demoConfig = (
  channel: string,
) => `# Made by bifrost demo. Every provider here is the built-in echo: nothing leaves this machine.
providers:
  aurora: { host: echo-paid, models: [aurora-large, aurora-mini] }
  borealis: { host: echo-paid, models: [borealis-2] }
  cellar: { host: echo, models: [cellar-8b] }
  # Nobody listens there: what is asked of it goes on to borealis.
  dusk: { base_url: "http://127.0.0.1:9/v1", models: [dusk-1], free: true }
aliases:
  fast: aurora/aurora-mini
prices:
  aurora/aurora-large: { input: 3, output: 15 }
  aurora/aurora-mini: { input: 0.15, output: 0.6 }
  borealis/borealis-2: { input: 1, output: 4 }
governance:
  customers:
    acme: { budgets: [500/1M] }
  teams:
    shop: { customer: acme, budgets: [40/1d] }
    data: { customer: acme, budgets: [10/1d], rpm: 600 }
alerts:
  interval: 5s
  channels:
    pager: { type: webhook, url: "${channel}", allow_private: true }
  rules:
    - { name: a provider fails, on: traffic, by: provider, window: 5m, when: requests >= 20 && error_rate > 0.02, severity: critical, channels: [pager] }
    - { name: a budget runs out, on: budget, when: used > 0.5, channels: [pager] }
    - { name: answers are slow, on: traffic, window: 5m, when: latency_p99 > 60000, channels: [pager] }
`;

/** What is loaded a moment later, so that there is a generation to compare with and to go back to. */
export const demoConfigChange = `fallbacks:
  dusk/dusk-1: borealis/borealis-2
`;

export type DemoKey = {
  readonly name: string;
  readonly team: string;
  readonly budgetNano: number | undefined;
  readonly requestsPerMinute: number | undefined;
  /** Of a hundred requests. */
  readonly weight: number;
  readonly models: readonly string[];
};

/** One lives well, one is near its limit in minutes, one is held back, one has no limit. */
export const demoKeys: readonly DemoKey[] = [
  {
    name: "web-shop",
    team: "shop",
    budgetNano: 25e9,
    requestsPerMinute: undefined,
    weight: 52,
    models: ["fast", "fast", "aurora/aurora-large", "dusk/dusk-1"],
  },
  {
    name: "support-bot",
    team: "shop",
    budgetNano: 1e9,
    requestsPerMinute: undefined,
    weight: 24,
    models: ["aurora/aurora-large", "borealis/borealis-2"],
  },
  {
    name: "batch-night",
    team: "data",
    budgetNano: 5e9,
    requestsPerMinute: 60,
    weight: 16,
    models: ["borealis/borealis-2", "cellar/cellar-8b"],
  },
  {
    name: "research",
    team: "data",
    budgetNano: undefined,
    requestsPerMinute: undefined,
    weight: 8,
    models: ["aurora/aurora-large", "cellar/cellar-8b"],
  },
];

const subjects = [
  "Summarize this order",
  "Answer this customer",
  "Translate the label",
  "Find the fault in the log",
  "Sort these by urgency",
];
const features = ["search", "checkout", "answers", "reports"];
const socketsMax = 256;
const answerMs = 120_000;

export type DemoTraffic = { readonly sent: () => number; stop(): void };

export function sendTraffic(
  url: string,
  secrets: ReadonlyMap<string, string>,
  perSecond: number,
  seed: number,
): DemoTraffic {
  const roll = dice(seed);
  const agent = new Agent({ keepAlive: true, maxSockets: socketsMax });
  let sent = 0;
  let timer: NodeJS.Timeout | undefined;
  const next = () => {
    // As people do: now and then several at once, now and then nobody.
    const wave = 1 + 0.6 * Math.sin(sent / (perSecond * 8 + 1));
    timer = setTimeout(
      () => {
        ask(url, agent, secrets, roll);
        sent += 1;
        next();
      },
      (-Math.log(1 - roll()) * 1_000) / (perSecond * wave),
    );
  };
  next();
  return {
    sent: () => sent,
    stop() {
      clearTimeout(timer);
      agent.destroy();
    },
  };
}

function ask(url: string, agent: Agent, secrets: ReadonlyMap<string, string>, roll: () => number): void {
  const key = pick(demoKeys, roll, ({ weight }) => weight);
  const secret = secrets.get(key.name);
  if (secret === undefined) return;
  const body = JSON.stringify({
    model: pick(key.models, roll, () => 1),
    stream: roll() < 0.6,
    max_tokens: 1_000,
    messages: [
      {
        role: "user",
        content: `${directive(roll)}\n${pick(subjects, roll, () => 1)}: ${"lorem ipsum ".repeat(Math.ceil(roll() * 200))}`,
      },
    ],
  });
  const outgoing = request(`${url}/v1/chat/completions`, {
    method: "POST",
    agent,
    timeout: answerMs,
    headers: {
      authorization: `Bearer ${secret}`,
      "content-type": "application/json",
      "x-bf-dim-feature": pick(features, roll, () => 1),
      "content-length": Buffer.byteLength(body),
    },
  });
  outgoing.on("response", (incoming) => incoming.resume().on("error", () => undefined));
  outgoing.on("timeout", () => outgoing.destroy());
  // A daemon that is stopped, or a person who has seen enough: nothing to tell.
  outgoing.on("error", () => undefined);
  outgoing.end(body);
}

function directive(roll: () => number): string {
  const chance = roll();
  if (chance < 0.02) return "#echo fail=503";
  if (chance < 0.03) return "#echo fail=429";
  if (chance < 0.035) return "#echo cut=4 gap=20ms words=80";
  const delay = Math.round(80 + 900 * roll() ** 3);
  const slow = roll() < 0.04 ? 6 : 1;
  return `#echo delay=${delay * slow}ms gap=${Math.round(4 + 20 * roll())}ms words=${Math.round(10 + 220 * roll() ** 2)}`;
}

function pick<Value>(values: readonly Value[], roll: () => number, weight: (value: Value) => number): Value {
  let left = roll() * values.reduce((sum, value) => sum + weight(value), 0);
  for (const value of values) {
    left -= weight(value);
    if (left < 0) return value;
  }
  return values.at(-1)!;
}

/** mulberry32: thirty-two bits of state, good enough to look alive. */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
