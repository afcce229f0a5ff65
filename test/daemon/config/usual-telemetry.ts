/** What `record`, `metrics`, `tracing` and `alerts` are when the file does not say. */
export const usualTelemetry = {
  record: {
    ...{ requests: true, retentionMs: 2_592_000_000, responses: true, audit: true, auditOnFailure: "block" },
    rollups: { minute: 172_800_000, hour: 7_776_000_000, day: 63_072_000_000 },
    ...{ content: "off", contentRequest: "less", contentBytesMax: 65_536, contentRetentionMs: 2_592_000_000 },
    ...{ redact: ["secrets"], redactPatterns: [], offload: undefined },
  },
  metrics: { enabled: true, seriesMax: 1_000, tags: [], litellmNames: false, push: undefined },
  tracing: {
    ...{ endpoint: undefined, protocol: "http", headers: {}, sample: 1, conventions: "genai" },
    ...{ serviceName: "bifrost", queueMax: 2_048, timeoutMs: 10_000 },
  },
  alerts: { intervalMs: 30_000, channels: [], rules: [] },
} as const;
