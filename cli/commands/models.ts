/** `bifrost models` */
import type { Command } from "commander";
import type { ModelsAnswer, ModelView } from "../../daemon/admin/contract/models.ts";
import type { Context } from "../command.ts";
import { type Column, renderCount, renderJson, renderMoney, renderTable } from "../render.ts";
import { withClient } from "../session.ts";

const columns: readonly Column<ModelView>[] = [
  { title: "MODEL", cell: (model) => model.id, shrinkTo: 16 },
  { title: "IN $/M", cell: (model) => price(model, model.input_nano_per_million), align: "right" },
  { title: "OUT $/M", cell: (model) => price(model, model.output_nano_per_million), align: "right" },
  { title: "CACHED $/M", cell: (model) => renderRate(model, "cache_read"), align: "right", mayDrop: true },
  { title: "CONTEXT", cell: (model) => renderCount(model.context_tokens), align: "right" },
  { title: "CAN", cell: (model) => model.capabilities?.join(" ") ?? "", shrinkTo: 8, mayDrop: true },
];

export function build(command: Command, context: Context): void {
  command
    .option("--provider <name>", "Only of this provider")
    .option("--json", "Print JSON")
    .action(async ({ provider, json }: { provider?: string; json?: boolean }) => {
      const answer = await withClient(command, context, (client) =>
        client.call<ModelsAnswer>("GET", "/api/models", { query: { provider } }),
      );
      const { terminal } = context;
      if (json) return terminal.outSlowly(renderJson(answer));
      if (answer.models.length === 0) return terminal.err(noModels(provider));
      terminal.err(`Prices of ${answer.catalog_date}, and of the config; --json has every rate.\n`);
      await terminal.outSlowly(renderTable(answer.models, columns, terminal));
      const aliases = Object.entries(answer.aliases);
      if (aliases.length === 0) return;
      const aliasColumns: readonly Column<[string, string]>[] = [
        { title: "ALIAS", cell: ([alias]) => alias },
        { title: "MODEL", cell: ([, target]) => target },
      ];
      await terminal.outSlowly(`\n${renderTable(aliases, aliasColumns, terminal)}`);
    });
}

function noModels(provider: string | undefined): string {
  if (provider === undefined) return "No models are listed.\n";
  return `No model of "${provider}" is listed. Which providers there are: bifrost providers\n`;
}

/** As it is written in the config; nothing where it has no rate of its own. */
function renderRate({ prices }: ModelView, name: string): string {
  const rate = prices?.[name];
  return typeof rate === "number" ? `$${rate < 0.01 ? rate : rate.toFixed(2)}` : "";
}

function price(model: ModelView, nano: number | null): string {
  if (model.free) return "free";
  return nano === null ? "unpriced" : renderMoney(nano);
}
