/** What `y` copies and `e` writes to a file. Hides how a view says it; by default a row's JSON, and all rows as JSON lines. */
import { textOf } from "./draw/line.ts";
import type { Session } from "./session.ts";
import { type Pane, rowsOf, selectedRow } from "./state.ts";

const pageWidth = 120;

export function textToCopy({ state }: Session, pane: Pane): string | undefined {
  if (pane.data === undefined) return undefined;
  const row = pane.view.table === undefined ? undefined : selectedRow(pane);
  if (pane.view.copy !== undefined) return pane.view.copy(pane.data, row);
  if (row !== undefined && pane.view.table !== undefined) return pane.view.table.id(row);
  return pageText(pane, state.now);
}

export async function exportPane(session: Session, pane: Pane): Promise<void> {
  if (pane.data === undefined) return;
  const { view } = pane;
  const stamp = new Date(session.state.now).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
  const isTable = view.table !== undefined;
  const text = isTable
    ? rowsOf(pane)
        .rows.map((row) => `${JSON.stringify(row)}\n`)
        .join("")
    : `${pageText(pane, session.state.now) ?? ""}\n`;
  try {
    const path = await session.options.save(`bifrost-${view.name}-${stamp}.${isTable ? "jsonl" : "txt"}`, text);
    session.dialogs.notice(isTable ? `${rowsOf(pane).rows.length} rows in ${path}` : `Written to ${path}`, "good");
  } catch (error) {
    session.dialogs.notice(`Not written: ${error instanceof Error ? error.message : String(error)}`, "bad");
  }
}

function pageText({ view, data, place }: Pane, now: number): string | undefined {
  const lines = view.page?.(data, { width: pageWidth, now }, place);
  return lines?.map((each) => textOf(each).trimEnd()).join("\n");
}
