/** Offloading on, off, or elsewhere, as the config says. Hides that its module is loaded with the first config that wants it. */
import { isDeepStrictEqual } from "node:util";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { ObjectReader } from "../admin/services/log-view.ts";
import type { OffloadData } from "../config/telemetry-data.ts";
import type { Log } from "../log.ts";
import type { Offload } from "../telemetry/offload.ts";
import type { StoreThreads } from "./store-threads.ts";

export type OffloadSwitch = {
  use(settings: OffloadData | undefined): void;
  readonly read: ObjectReader;
  close(): Promise<void>;
};

export function createOffloadSwitch(store: () => Pick<StoreThreads, "queries" | "traffic">, log: Log): OffloadSwitch {
  let current: OffloadData | undefined;
  let open: Promise<Offload> | undefined;

  function use(settings: OffloadData | undefined): void {
    if (isDeepStrictEqual(settings, current)) return;
    current = settings;
    void close();
    if (settings === undefined) return;
    open = import("../telemetry/offload.ts").then(({ startOffload }) =>
      startOffload({
        settings,
        pending: (contents, gone) => store().queries.query({ kind: "offload", contents, gone }),
        execute: (command) => store().traffic.execute(command),
        warn: (message, fields) => log.warn(message, fields),
      }),
    );
  }

  async function close(): Promise<void> {
    const old = open;
    open = undefined;
    await old?.then((opened) => opened.close()).catch(() => undefined);
  }

  return {
    use,
    close,
    async read(object) {
      if (open === undefined)
        throw new GatewayError("not_found", "this text was offloaded, and record.offload is not configured any more");
      return (await open).read(object);
    },
  };
}
