/** `bifrost status` */
import type { Command } from "commander";
import type { StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import type { Context } from "../command.ts";
import { renderCount, renderDuration, renderJson, renderProperties, renderTime } from "../render.ts";
import { withDaemon } from "../session.ts";

const bytesPerMegabyte = 1_000_000;

export function build(command: Command, context: Context): void {
  command.option("--json", "Print JSON").action(async ({ json }: { json?: boolean }) => {
    const status = await withDaemon(command, context, (client) => client.call<StatusAnswer>("GET", "/api/status"));
    context.terminal.out(json ? renderJson(status) : renderStatus(status, Date.now()));
    if (!json) for (const warning of status.warnings) context.terminal.err(`warning: ${warning}\n`);
    if (!json && status.config.error !== null)
      context.terminal.err(`warning: the config on disk is not in use: ${status.config.error}\n`);
  });
}

function renderStatus(status: StatusAnswer, nowMs: number): string {
  const { config, workers, ledger, memory_rss_bytes: memory } = status;
  const sum = (field: "requests_in_flight" | "requests_total") =>
    workers.reduce((total, worker) => total + worker[field], 0);
  return renderProperties([
    ["state", status.state],
    ["address", status.url],
    ["version", status.version],
    ["process", `${status.pid}, up ${renderDuration(Math.max(0, nowMs - status.started_at_ms))}`],
    ["home", status.home],
    ["config", config.path ?? "none: the environment decides"],
    ["generation", `${config.generation}, since ${renderTime(config.loaded_at_ms)}`],
    ["workers", String(workers.length)],
    ["requests", `${sum("requests_in_flight")} in flight, ${sum("requests_total")} served`],
    ["providers", status.providers.join(", ") || "none"],
    ["keys", String(status.keys)],
    ["memory", memory === null ? "–" : `${Math.round(memory / bytesPerMegabyte)} MB`],
    ["ledger", `${renderCount(ledger.holds_open)} holds open, commit lag ${lag(ledger.commit_lag_ms)}`],
  ]);
}

function lag(ms: number | null): string {
  return ms === null ? "–" : renderDuration(ms);
}
