/** The request log as the admin API tells it: lists, one request with what was said, exports, and sums over all. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { HoldSurvey } from "../../governance/holds.ts";
import { timeOfRequest } from "../../http/request-id.ts";
import type { RequestRow } from "../../store/request-log.ts";
import type { Reach } from "../admin-services.ts";
import type { DroppedAnswer } from "../contract/log-statistics.ts";
import type { LogQuery, LogRow, LogsAnswer, OpenRequestsAnswer } from "../contract/logs.ts";
import type { LogServices } from "../log-services.ts";
import { explained } from "./explain.ts";
import { corrected, findCorrection } from "./log-corrections.ts";
import { exportRows } from "./log-export.ts";
import { createStatistics } from "./log-statistics.ts";
import {
  assertSeesLog,
  createNames,
  type ObjectReader,
  readCursor,
  readFilter,
  viewContent,
  viewCursor,
  viewRow,
} from "./log-view.ts";
import type { StoreAccess } from "./store-access.ts";

const pageDefault = 50;
/** A row is written within 200 ms of the end of its answer, and later on a busy disk. */
const youngMs = 5_000;

export type LogServiceOptions = {
  readonly access: StoreAccess;
  remove(ids: readonly string[]): Promise<number>;
  dropped(): Promise<DroppedAnswer>;
  /** What is held now. */
  holds(most: number): HoldSurvey;
  /** Gives an offloaded text back; absent: nothing is offloaded here. */
  readonly object?: ObjectReader | undefined;
  /** Absent: all rows. */
  readonly reach?: Reach | undefined;
};

export function createLogService({ access, remove, dropped, holds, object, reach }: LogServiceOptions): LogServices {
  const names = createNames(access);
  const view = (rows: readonly RequestRow[]): readonly LogRow[] =>
    corrected(
      access,
      rows.map((row) => viewRow(row, names)),
    );
  const viewOne = (row: RequestRow): LogRow => view([row])[0]!;

  async function list(query: LogQuery): Promise<LogsAnswer> {
    const filter = readFilter(query, names, reach);
    const limit = query.limit ?? pageDefault;
    const isRising = query.order === "asc" && (query.sort ?? "time") === "time";
    if (query.after !== undefined || isRising) {
      const after = readCursor(query.after ?? "0");
      const { rows, last, lookedUntilMs } = await access.query({ kind: "log_tail", filter, limit, after });
      return { rows: view(rows), older: null, tail: String(last), looked_until_ms: lookedUntilMs ?? null };
    }
    const before = query.before === undefined ? undefined : readCursor(query.before);
    // Asked first: what is written in between is then told by the tail.
    const tail = await access.query({ kind: "log_tail", filter: readFilter({}, names, reach), limit: 1 });
    const { sort = "time", order = "desc" } = query;
    const page = await access.query(
      sort === "time"
        ? { kind: "log_page", filter, limit, before }
        : { kind: "log_sorted", filter, limit, before, sort: { by: sort, order } },
    );
    return {
      rows: view(page.rows),
      older: viewCursor(page.before),
      tail: String((sort === "time" ? page.rows[0]?.row : undefined) ?? tail.last),
      looked_until_ms: page.lookedUntilMs ?? null,
    };
  }

  async function find(id: string): Promise<RequestRow> {
    assertSeesLog(reach);
    const row = await access.query({ kind: "request", id });
    if (row === undefined || (reach !== undefined && row[reach.kind] !== reach.publicId))
      throw new GatewayError("not_found", `there is no request "${id}" in the log${isYoung(id) ? " yet" : ""}`, {
        param: "id",
      });
    return row;
  }

  return {
    list,
    async show(id) {
      const row = await find(id);
      const content = row.content ? await access.query({ kind: "content", id }) : undefined;
      return { request: viewOne(row), content: content === undefined ? null : await viewContent(content, object) };
    },
    open: ({ limit = pageDefault }) => viewOpen(access, holds(limit)),
    async explain(id) {
      const row = await find(id);
      const request = viewOne(row);
      return { request, ...explained(row, request), correction: findCorrection(access, id) };
    },
    export: (query) => exportRows(access, readFilter(query, names, reach), query, view),
    async remove({ ids }) {
      return { deleted: await remove(ids) };
    },
    dropped,
    ...createStatistics({ access, names, view: viewOne, reach }),
  };
}

async function viewOpen(
  access: StoreAccess,
  { oldest, total, costNano: heldNano }: HoldSurvey,
): Promise<OpenRequestsAnswer> {
  const holdIds = oldest.map(({ holdId }) => holdId);
  const targets = holdIds.length === 0 ? new Map() : await access.query({ kind: "hold_targets", holdIds });
  const findKey = access
    .database()
    .prepare("SELECT public_id, name FROM keys WHERE scope_id IN (SELECT value FROM json_each(?)) LIMIT 1");
  return {
    requests: oldest.map(({ holdId, scopes, admittedAtMs, costNano, tokens }) => {
      const key = findKey.get(JSON.stringify(scopes)) as { public_id: string; name: string } | undefined;
      return {
        id: holdId.replace(/:\d+$/, ""),
        at: admittedAtMs,
        key: key?.public_id ?? null,
        key_name: key?.name ?? null,
        target: targets.get(holdId) ?? null,
        held_nano: costNano,
        held_tokens: tokens,
      };
    }),
    total,
    held_nano: heldNano,
  };
}

/** Named a moment ago: its row may be on its way. */
function isYoung(id: string): boolean {
  const at = timeOfRequest(id);
  return at !== undefined && Math.abs(Date.now() - at) < youngMs;
}
