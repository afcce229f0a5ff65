/** `bifrost providers …` */
import type { Command } from "commander";
import type { ProvidersAnswer, ProviderView } from "../../daemon/admin/contract/daemon.ts";
import type { HostsAnswer, HostView } from "../../daemon/admin/contract/hosts.ts";
import type { TargetHealth } from "../../daemon/admin/contract/routing.ts";
import { addSubcommand, type Context } from "../command.ts";
import { type Column, renderDuration, renderJson, renderTable } from "../render.ts";
import { withClient } from "../session.ts";

const columns: readonly Column<ProviderView>[] = [
  { title: "NAME", cell: (provider) => provider.name, shrinkTo: 8 },
  { title: "HEALTH", cell: health },
  { title: "BREAKER", cell: breaker },
  { title: "PROBE", cell: probe, shrinkTo: 8, mayDrop: true },
  { title: "P50", cell: ({ health: now }) => time(now?.p50_ms), align: "right" },
  { title: "P99", cell: ({ health: now }) => time(now?.p99_ms), align: "right" },
  { title: "IN FLIGHT", cell: ({ health: now }) => String(now?.in_flight ?? "–"), align: "right" },
  { title: "WAITING", cell: ({ health: now }) => String(now?.waiting ?? "–"), align: "right", mayDrop: true },
  { title: "SHARE", cell: ({ health: now }) => (now === undefined ? "–" : percent(now.share)), align: "right" },
  { title: "DIALECT", cell: (provider) => provider.dialect, mayDrop: true },
  { title: "BASE URL", cell: (provider) => provider.base_url, shrinkTo: 12, mayDrop: true },
  { title: "CREDENTIALS", cell: (provider) => provider.credentials.join(", ") || "–", shrinkTo: 6, mayDrop: true },
  { title: "MODELS", cell: models, shrinkTo: 6, mayDrop: true },
  { title: "PROXY", cell: (provider) => provider.proxy ?? "–", shrinkTo: 5, mayDrop: true },
];

const targetColumns: readonly Column<TargetHealth>[] = [
  { title: "TARGET", cell: ({ target }) => target, shrinkTo: 12 },
  {
    title: "BREAKER",
    cell: ({ breaker, waits_ms: waits }) => (waits === null ? breaker : `${breaker}, ${time(waits)}`),
  },
  { title: "REQUESTS", cell: ({ requests }) => String(requests), align: "right" },
  { title: "FAILED", cell: ({ failures }) => String(failures), align: "right" },
  { title: "FIRST EVENT P50", cell: ({ streamed_p50_ms }) => time(streamed_p50_ms), align: "right" },
  { title: "P99", cell: ({ streamed_p99_ms }) => time(streamed_p99_ms), align: "right" },
  { title: "WHOLE P50", cell: ({ whole_p50_ms }) => time(whole_p50_ms), align: "right" },
  { title: "P99", cell: ({ whole_p99_ms }) => time(whole_p99_ms), align: "right" },
  { title: "IN FLIGHT", cell: ({ in_flight }) => String(in_flight), align: "right" },
  { title: "LAST FAILURE", cell: lastFailure, shrinkTo: 16 },
];

const hostColumns: readonly Column<HostView>[] = [
  { title: "NAME", cell: (host) => host.name },
  { title: "CONFIGURED", cell: (host) => host.configured.join(", ") || "–", shrinkTo: 10 },
  { title: "OPERATIONS", cell: (host) => host.operations.join(", ") || "passthrough", shrinkTo: 16 },
  { title: "DIALECTS", cell: (host) => host.dialects.join(", "), shrinkTo: 11 },
  { title: "KEY", cell: keyOf, shrinkTo: 8 },
  { title: "BASE URL", cell: (host) => host.base_url || "–", shrinkTo: 12, mayDrop: true },
];

export function build(command: Command, context: Context): void {
  const list = addSubcommand(command, "list", "List every provider known by name, and what each serves", context);
  buildList(list, context);
  command
    .option("--targets", "Show every target that has been asked")
    .option("--json", "Print JSON")
    .action(async ({ json, targets }: { json?: boolean; targets?: boolean }) => {
      const path = "/api/providers";
      const { providers } = await withClient(command, context, (client) => client.call<ProvidersAnswer>("GET", path));
      const { terminal } = context;
      if (json) return terminal.out(renderJson(providers));
      terminal.out(renderTable(providers, columns, terminal));
      if (!targets) return;
      const asked = providers.flatMap(({ health: now }) => now?.targets ?? []);
      terminal.out(
        asked.length === 0 ? "\nNo target has been asked yet.\n" : `\n${renderTable(asked, targetColumns, terminal)}`,
      );
    });
}

function buildList(command: Command, context: Context): void {
  command.option("--json", "Print JSON").action(async () => {
    const { json } = command.optsWithGlobals<{ json?: boolean }>(); // the command above has the same
    const path = "/api/hosts";
    const { hosts } = await withClient(command, context, (client) => client.call<HostsAnswer>("GET", path));
    const { terminal } = context;
    await terminal.outSlowly(json ? renderJson(hosts) : renderTable(hosts, hostColumns, terminal));
  });
}

function keyOf({ environment, auth, free }: HostView): string {
  if (environment.length > 0) return environment[0]!;
  return free ? "none" : auth.join(" or ");
}

function health({ health: now }: ProviderView): string {
  if (now === undefined) return "not running";
  if (now.requests === 0) return "not asked yet";
  const recent = now.targets.reduce((sum, each) => sum + each.recent_requests, 0);
  const failed = now.targets.reduce((sum, each) => sum + each.recent_failures, 0);
  if (now.targets.every((each) => each.breaker === "open")) return "failing";
  if (recent === 0) return "quiet";
  return failed === 0 ? "good" : `${percent(failed / recent)} fail`;
}

/** Where targets differ, how many are in the state that wants a look. */
function breaker({ health: now }: ProviderView): string {
  if (now === undefined) return "–";
  const { breaker: worst, targets } = now;
  const found = targets.filter((each) => each.breaker === worst).length;
  return found === targets.length ? worst : `${found} of ${targets.length} ${worst}`;
}

function probe({ health: now }: ProviderView): string {
  const found = now?.probe;
  if (found === undefined) return "–";
  if (found.ok === null) return "not yet";
  return `${found.ok ? `good, ${time(found.latency_ms)}` : (found.error ?? "failed")}, ${time(found.ms_ago)} ago`;
}

function lastFailure({ last_failure: code, last_failure_ms_ago: ago }: TargetHealth): string {
  return code === null ? "–" : `${code}, ${time(ago)} ago`;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function time(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? "–" : renderDuration(ms);
}

function models({ models: names, any_model }: ProviderView): string {
  if (names.length === 0) return any_model ? "any" : "catalog";
  return `${names.join(", ")}${any_model ? ", any other" : ""}`;
}
