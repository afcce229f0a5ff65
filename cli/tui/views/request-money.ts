/** A request's money from hold to settle, and its tokens. Hides that a hold covers the worst case of every attempt. */
import type { ChargeCorrection, ExplainAnswer, LogRow } from "../../../daemon/admin/contract/logs.ts";
import { renderMoney } from "../../render.ts";
import { stackedBar } from "../draw/bars.ts";
import { count, percent } from "../draw/format.ts";
import { type Line, type Span, span } from "../draw/line.ts";
import { properties } from "../draw/table.ts";

type Property = readonly [name: string, value: Line];
const barColumnsMax = 40;

export function moneyLines({ request: row, attempts, correction }: ExplainAnswer, width: number): readonly Line[] {
  const paid = attempts.filter(({ cost_nano: nano }) => nano !== null);
  const cost: Span =
    row.cost_nano === null
      ? row.flags.includes("unpriced")
        ? ["unpriced: the model's price is not known, which is not zero", "warn"]
        : ["nothing was charged", "dim"]
      : [renderMoney(row.cost_nano), "money"];
  const note = row.flags.includes("estimated") ? "  estimated: the provider did not tell its usage" : "";
  return properties([
    ...held(row),
    ["cost", [cost, span(note, "warn")]],
    ...corrected(row, correction),
    ...difference(row, width),
    ...(paid.length > 1
      ? [
          [
            "of which",
            [span(paid.map(({ target, cost_nano: nano }) => `${target} ${renderMoney(nano)}`).join(", "), "dim")],
          ] as const,
        ]
      : []),
    ["input", [span(count(row.tokens_in)), span(cache(row), "dim")]],
    [
      "output",
      [
        span(count(row.tokens_out)),
        span(row.tokens_reasoning === null ? "" : `  of which ${count(row.tokens_reasoning)} reasoning`, "dim"),
      ],
    ],
  ]);
}

/** Nothing for what is neither a batch nor a film that failed. */
function corrected({ corrected_nano: nano }: LogRow, told: ChargeCorrection | null | undefined): readonly Property[] {
  if (told)
    return [
      [
        "corrected",
        [
          span(`${renderMoney(told.from_nano)} → `, "dim"),
          span(renderMoney(told.to_nano), "money"),
          span(
            told.of === "film"
              ? "  when the film had failed"
              : told.of === "response"
                ? "  when the response had ended"
                : `  when the batch had ended: ${told.served} of ${told.results} results were served`,
            "dim",
          ),
        ],
      ],
    ];
  return nano === null ? [["corrected", [span("not yet: what it costs is known when its end is told", "dim")]]] : [];
}

function cache(row: LogRow): string {
  if (row.tokens_cache_read === null && row.tokens_cache_write === null) return "";
  return `  cache: ${count(row.tokens_cache_read)} read, ${count(row.tokens_cache_write)} written`;
}

function held({ held_nano: nano }: LogRow): readonly Property[] {
  if (nano === null) return [["held", [span("nothing: no key counts it, or it cannot cost anything", "dim")]]];
  return [
    ["held", [span(renderMoney(nano), "money"), span("  set aside for the worst case before it was sent", "dim")]],
  ];
}

function difference({ held_nano: nano, cost_nano, corrected_nano }: LogRow, width: number): readonly Property[] {
  const cost = corrected_nano ?? cost_nano;
  if (nano === null || cost === null) return [];
  const left = nano - cost;
  const room = Math.max(1, Math.min(barColumnsMax, width - 50));
  if (left < 0) return [["beyond", [span(`${renderMoney(-left)} more than was held`, "warn")]]];
  return [
    [
      "given back",
      [
        span(renderMoney(left), "good"),
        span(`  ${percent(left / nano)} of it  `, "dim"),
        ...stackedBar([{ value: cost, style: "money" }], nano, room),
      ],
    ],
  ];
}
