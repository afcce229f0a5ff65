/**
 * Alerts, as the config says. Hides that their modules are loaded with the first config that has some, and that a round
 * never begins before the last one has ended.
 */
import { isDeepStrictEqual } from "node:util";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { AlertsAnswer, AlertTestAnswer } from "../admin/contract/alerts.ts";
import type { AlertRuleData, AlertsData } from "../config/telemetry-data.ts";
import type { Log } from "../log.ts";
import type { AlertChannel } from "../telemetry/alerts/channels.ts";
import type { AlertEngine, Notice } from "../telemetry/alerts/engine.ts";
import type { FactSources } from "../telemetry/alerts/facts.ts";
import type { AlertMemory } from "../telemetry/alerts/memory.ts";

export type AlertsSwitch = {
  use(settings: AlertsData): void;
  list(): Promise<AlertsAnswer>;
  test(channel: string): Promise<AlertTestAnswer>;
  /** What holds now, by severity. */
  firing(): ReadonlyMap<string, number>;
  dropped(): number;
  close(): Promise<void>;
};

type Open = {
  readonly engine: AlertEngine;
  readonly memory: AlertMemory;
  readonly channels: ReadonlyMap<string, AlertChannel>;
};

export function createAlertsSwitch(sources: FactSources, source: string, home: string, log: Log): AlertsSwitch {
  let current: AlertsData | undefined;
  let opening: Promise<Open> | undefined;
  let open: Open | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function use(settings: AlertsData): void {
    if (isDeepStrictEqual(settings, current)) return;
    current = settings;
    stop();
    if (settings.rules.length === 0 && settings.channels.length === 0) return;
    const mine = start(settings);
    opening = mine;
    mine.then(
      (opened) => {
        if (opening !== mine || closed) return;
        open = opened;
        schedule(settings);
      },
      (error: unknown) => log.error("alerts cannot be started", { error: String(error) }),
    );
  }

  async function start(settings: AlertsData): Promise<Open> {
    const [{ openChannel }, { createAlertEngine }, { openAlertMemory }] = await Promise.all([
      import("../telemetry/alerts/channels.ts"),
      import("../telemetry/alerts/engine.ts"),
      import("../telemetry/alerts/memory.ts"),
    ]);
    const memory = openAlertMemory(home);
    const channels = new Map(settings.channels.map((data) => [data.name, openChannel(data, source)]));
    const tell = (rule: AlertRuleData, notice: Notice): void => {
      log.warn("alert", { rule: rule.name, kind: notice.kind, severity: notice.severity, summary: notice.summary });
      for (const name of rule.channels) channels.get(name)?.send(notice);
    };
    return { engine: createAlertEngine(settings.rules, tell, memory.read()), memory, channels };
  }

  function schedule(settings: AlertsData): void {
    timer = setTimeout(async () => {
      const judging = open;
      if (judging === undefined) return;
      await judge(judging);
      if (open === judging && !closed) schedule(settings);
    }, settings.intervalMs).unref();
  }

  async function judge(judging: Open): Promise<void> {
    const { engine, memory } = judging;
    const { readFacts } = await import("../telemetry/alerts/facts.ts");
    const now = Date.now();
    await engine.evaluate(now, (rule) => readFacts(sources, rule, now));
    if (open !== judging) return; // its successor remembers from here on
    try {
      memory.write(engine.remembered());
    } catch (error) {
      log.warn("what alerts were told cannot be kept: after a restart it is told again", { error: String(error) });
    }
  }

  function stop(): void {
    clearTimeout(timer);
    for (const channel of open?.channels.values() ?? []) channel.close();
    open = undefined;
    opening = undefined;
  }

  return {
    use,
    async list() {
      const opened = await opening;
      if (opened === undefined) return { rules: [], channels: [] };
      return {
        channels: [...opened.channels.values()].map((channel) => channel.view()),
        rules: opened.engine.states().map(({ rule, firing, evaluatedAtMs, error }) => ({
          ...{ name: rule.name, on: rule.on, when: rule.when, severity: rule.severity, channels: rule.channels },
          ...{ cooldown_ms: rule.cooldownMs, firing, evaluated_at_ms: evaluatedAtMs, error },
        })),
      };
    },
    async test(name) {
      const channel = (await opening)?.channels.get(name);
      if (channel === undefined)
        throw new GatewayError("not_found", `there is no alert channel "${name}" in the config`, { param: "channel" });
      const atMs = Date.now();
      return channel.test({
        ...{ kind: "test", rule: "test", severity: "info", subject: "daemon", name: null, facts: {} },
        ...{ summary: "a test message of Bifrost; nothing is wrong", sinceMs: atMs, atMs },
      });
    },
    firing() {
      const counts = new Map<string, number>();
      for (const { rule, firing } of open?.engine.states() ?? [])
        counts.set(rule.severity, (counts.get(rule.severity) ?? 0) + firing.length);
      return counts;
    },
    dropped: () => [...(open?.channels.values() ?? [])].reduce((sum, channel) => sum + channel.view().dropped, 0),
    async close() {
      closed = true;
      stop();
    },
  };
}
