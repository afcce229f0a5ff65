/** The route that Prometheus scrapes. */
import { contentTypes, wantsOpenMetrics } from "../telemetry/metrics.ts";
import { type Route, reads, TextAnswer } from "./route.ts";

export const metricRoutes: readonly Route[] = [
  reads({
    method: "GET",
    path: "/metrics",
    permission: "metrics:read",
    summary: "Counters, gauges and histograms in Prometheus' text format, or OpenMetrics where it is asked for",
    run: (services, { accept }) => {
      const openMetrics = wantsOpenMetrics(accept);
      const contentType = openMetrics ? contentTypes.openMetrics : contentTypes.prometheus;
      return new TextAnswer(contentType, services.metrics.render(openMetrics));
    },
  }),
];
