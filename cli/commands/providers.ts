/** `bifrost providers` */
import type { Command } from "commander";
import type { ProvidersAnswer, ProviderView } from "../../daemon/admin/contract/daemon.ts";
import type { Context } from "../command.ts";
import { type Column, renderJson, renderTable } from "../render.ts";
import { withClient } from "../session.ts";

const columns: readonly Column<ProviderView>[] = [
  { title: "NAME", cell: (provider) => provider.name, shrinkTo: 8 },
  { title: "DIALECT", cell: (provider) => provider.dialect },
  { title: "BASE URL", cell: (provider) => provider.base_url, shrinkTo: 12 },
  { title: "CREDENTIALS", cell: (provider) => provider.credentials.join(", ") || "–", shrinkTo: 6 },
  { title: "MODELS", cell: models, shrinkTo: 6 },
  { title: "PROXY", cell: (provider) => provider.proxy ?? "–", shrinkTo: 5 },
];

export function build(command: Command, context: Context): void {
  command.option("--json", "Print JSON").action(async ({ json }: { json?: boolean }) => {
    const path = "/api/providers";
    const { providers } = await withClient(command, context, (client) => client.call<ProvidersAnswer>("GET", path));
    const { terminal } = context;
    terminal.out(json ? renderJson(providers) : renderTable(providers, columns, terminal));
  });
}

function models({ models: names, any_model }: ProviderView): string {
  if (names.length === 0) return any_model ? "any" : "catalog";
  return `${names.join(", ")}${any_model ? ", any other" : ""}`;
}
