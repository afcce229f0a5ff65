/** What stands behind the routes of the request log, as an interface of values. */
import type {
  DashboardAnswer,
  DashboardQuery,
  DroppedAnswer,
  FacetsAnswer,
  FacetsQuery,
  HistogramAnswer,
  HistogramQuery,
  RankingsAnswer,
  RankingsQuery,
  SessionAnswer,
  StatsAnswer,
  StatsQuery,
} from "./contract/log-statistics.ts";
import type {
  ExplainAnswer,
  LogAnswer,
  LogDeleteAnswer,
  LogDeleteRequest,
  LogExportQuery,
  LogQuery,
  LogsAnswer,
  OpenRequestsAnswer,
  OpenRequestsQuery,
} from "./contract/logs.ts";

export type LogServices = {
  list(query: LogQuery): Promise<LogsAnswer>;
  show(requestId: string): Promise<LogAnswer>;
  /** Let in and not settled yet. */
  open(query: OpenRequestsQuery): Promise<OpenRequestsAnswer>;
  explain(requestId: string): Promise<ExplainAnswer>;
  session(session: string): Promise<SessionAnswer>;
  stats(query: StatsQuery): Promise<StatsAnswer>;
  histogram(query: HistogramQuery): Promise<HistogramAnswer>;
  rankings(query: RankingsQuery): Promise<RankingsAnswer>;
  facets(query: FacetsQuery): Promise<FacetsAnswer>;
  dashboard(query: DashboardQuery): Promise<DashboardAnswer>;
  dropped(): Promise<DroppedAnswer>;
  /** One text a line, without the newline. */
  export(query: LogExportQuery): AsyncIterable<string>;
  remove(request: LogDeleteRequest): Promise<LogDeleteAnswer>;
};
