/**
 * Alerts, as the config says. Hides that their modules are loaded with the first config that has some, and that a round
 * never begins before the last one has ended.
 */
import { isDeepStrictEqual } from "node:util";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { AlertsAnswer, AlertTestAnswer } from "../admin/contract/alerts.ts";
import type { AlertsData } from "../config/telemetry-data.ts";
import type { Log } from "../log.ts";
import type { AlertChannel } from "../telemetry/alerts/channels.ts";
import type { AlertEngine } from "../telemetry/alerts/engine.ts";
import type { FactSources } from "../telemetry/alerts/facts.ts";

export type AlertsSwitch = {
  use(settings: AlertsData): void;
  list(): Promise<AlertsAnswer>;
  test(channel: string): Promise<AlertTestAnswer>;
  /** What holds now, by severity. */
  firing(): ReadonlyMap<string, number>;
  dropped(): number;
  close(): Promise<void>;
};

type Open = { readonly engine: AlertEngine; readonly channels: ReadonlyMap<string, AlertChannel> };

export function createAlertsSwitch(sources: FactSources, source: string, log: Log): AlertsSwitch {
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
    const [{ openChannel }, { createAlertEngine }] = await Promise.all([
      import("../telemetry/alerts/channels.ts"),
      import("../telemetry/alerts/engine.ts"),
    ]);
    const channels = new Map(settings.channels.map((data) => [data.name, openChannel(data, source)]));
    const engine = createAlertEngine(settings.rules, (rule, notice) => {
      log.warn("alert", { rule: rule.name, kind: notice.kind, severity: notice.severity, summary: notice.summary });
      for (const name of rule.channels) channels.get(name)?.send(notice);
    });
    return { engine, channels };
  }

  function schedule(settings: AlertsData): void {
    timer = setTimeout(async () => {
      const judging = open;
      if (judging === undefined) return;
      await judge(judging);
      if (open === judging && !closed) schedule(settings);
    }, settings.intervalMs).unref();
  }

  async function judge({ engine }: Open): Promise<void> {
    const { readFacts } = await import("../telemetry/alerts/facts.ts");
    const now = Date.now();
    await engine.evaluate(now, (rule) => readFacts(sources, rule, now));
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
