/** Pushing metrics on, off, or elsewhere, as the config says. Hides that its module is loaded with the first config that wants it. */
import { isDeepStrictEqual } from "node:util";
import type { MetricsPushData } from "../config/telemetry-data.ts";
import type { Log } from "../log.ts";
import type { Push } from "../telemetry/push-gateway.ts";

export type PushSwitch = { use(settings: MetricsPushData | undefined): void; close(): void };

export function createPushSwitch(render: () => AsyncIterable<string>, log: Log): PushSwitch {
  let current: MetricsPushData | undefined;
  let open: Promise<Push> | undefined;

  function close(): void {
    void open?.then((push) => push.close()).catch(() => undefined);
    open = undefined;
  }

  return {
    use(settings) {
      if (isDeepStrictEqual(settings, current)) return;
      current = settings;
      close();
      if (settings === undefined) return;
      const warn = (message: string, fields: Readonly<Record<string, unknown>>): void => log.warn(message, fields);
      open = import("../telemetry/push-gateway.ts").then(({ startPush }) => startPush({ settings, render, warn }));
    },
    close,
  };
}
