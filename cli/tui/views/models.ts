/** Models that can be asked for, with their prices. Hides aliases: they stand among the models, and say what they mean. */
import type { ModelsAnswer, ModelView } from "../../../daemon/admin/contract/models.ts";
import { count, money } from "../draw/format.ts";
import { line, span } from "../draw/line.ts";
import { type Column, defineView } from "../view.ts";

type Row = ModelView & { readonly alias: string | undefined };

const columns: readonly Column<Row>[] = [
  {
    title: "MODEL",
    width: 26,
    grow: 2,
    cell: (row) => [span(row.alias ?? row.id, "strong"), span(row.alias === undefined ? "" : ` → ${row.id}`, "info")],
    value: (row) => `${row.alias ?? ""} ${row.id}`.trim(),
  },
  { title: "PROVIDER", width: 12, grow: 1, drop: 1, cell: (row) => [span(row.provider)], value: (row) => row.provider },
  {
    title: "IN/1M",
    width: 9,
    align: "right",
    cell: (row) => [price(row, row.input_nano_per_million)],
    value: (row) => dollars(row.input_nano_per_million),
  },
  {
    title: "OUT/1M",
    width: 9,
    align: "right",
    cell: (row) => [price(row, row.output_nano_per_million)],
    value: (row) => dollars(row.output_nano_per_million),
  },
  {
    title: "CONTEXT",
    width: 8,
    align: "right",
    cell: (row) => [span(count(row.context_tokens), "dim")],
    value: (row) => row.context_tokens,
  },
];

export const models = defineView<ModelsAnswer, Row>({
  name: "models",
  aliases: ["m"],
  title: "Models",
  summary: "what can be asked for, and what it costs",
  inBar: true,
  everyMs: 10_000,
  load: (source) => source.get<ModelsAnswer>("/api/models"),
  table: {
    columns,
    rows: ({ models: found, aliases }) => [
      ...Object.entries(aliases).map(([alias, id]) => ({
        ...(found.find((model) => model.id === id) ?? unknown(id)),
        alias,
      })),
      ...found.map((model) => ({ ...model, alias: undefined })),
    ],
    id: (row) => `${row.alias ?? ""}>${row.id}`,
    fields: { price: (row) => dollars(row.output_nano_per_million) },
    empty: () => [
      line("  ", span("No models.", "strong")),
      line("  ", span("They come with providers: see :providers, and docs/config.md", "dim")),
    ],
  },
  copy: (_, row) => row?.alias ?? row?.id ?? "",
  note: () => "dollars for a million tokens",
  actions: [],
});

function price(row: Row, nano: number | null): ReturnType<typeof span> {
  if (row.free) return ["free", "dim"];
  return nano === null ? ["unpriced", "warn"] : [money(nano), "money"];
}

function dollars(nano: number | null): number | null {
  return nano === null ? null : nano / 1e9;
}

/** An alias may mean a model that a provider takes without listing it. */
function unknown(id: string): ModelView {
  return {
    id,
    provider: id.split("/")[0] ?? "",
    free: false,
    input_nano_per_million: null,
    output_nano_per_million: null,
    context_tokens: null,
    output_max_tokens: null,
    prices: null,
    capabilities: null,
    operations: [],
  };
}
