/**
 * What every setting is when the file does not say, in the units people write. The schema quotes these as defaults
 * and the build fills them in; apart from the schema, so that a start without a file loads no schema library.
 */
export const defaults = {
  server: {
    host: "127.0.0.1",
    port: 8080,
    workers: 1,
    body_max: "32MB",
    bodies_max: "256MB",
    upload_max: "512MB",
    header_max: "32KB",
    requests_max: 20_000,
    keep_alive: "75s",
    request_timeout: "60s",
    hold_back: "10s",
    keep_alive_comment: "15s",
    drain: "30s",
  },
  timeouts: {
    connect: "5s",
    first_byte_stream: "120s",
    first_byte: "600s",
    idle: "120s",
    client_stall: "60s",
    total: "3600s",
  },
  provider: { any_model: true, tls_verify: true, strict: false, connections_max: 16_384 },
  aws: { session_name: "bifrost" },
  azure: { scope: "https://cognitiveservices.azure.com/.default" },
  routing: {
    strategy: "weighted",
    bare_names: "first",
    attempts_max: 12,
    retries: { max: 0, backoff: "500ms", backoff_max: "5s", budget: 0.15, wait_max: "10s" },
    breaker: {
      enabled: true,
      failures: 5,
      error_rate: 0.5,
      requests_min: 20,
      window: "30s",
      open: "5s",
      open_max: "60s",
      probe: "60s",
      ramp: "10s",
    },
    affinity: { by: ["session", "cache_key"], ttl: "1h" },
    streams: { release_tokens: 0, release_after: "500ms", rate_min: 0, rate_window: "5s" },
    queue: { max: 1000, wait: "10s", scopes: false },
    chain_max: 10,
  },
  auth: { inference: "keys", first_key_budget: "5/1d" },
  ledger: {
    durability: "grouped",
    hold_input: "learned",
    no_cap: "estimate",
    inject_cap: 4096,
    on_exhaust: "finish",
    commit_lag_max: "250ms",
    allow_unpriced: false,
    zone: "UTC",
  },
  record: {
    requests: true,
    retention: "30d",
    audit: true,
    responses: true,
    audit_on_failure: "block",
    rollups: { minutes: "2d", hours: "90d", days: "730d" },
    content: "off",
    content_request: "less",
    content_max: "64KB",
    redact: ["secrets"],
    offload: { region: "us-east-1", prefix: "bifrost" },
  },
  metrics: { enabled: true, series_max: 1_000, litellm_names: false },
  tracing: {
    protocol: "http",
    sample: 1,
    conventions: "genai",
    service_name: "bifrost",
    queue_max: 2_048,
    timeout: "10s",
  },
  alerts: {
    interval: "30s",
    allow_private: false,
    tls: "starttls",
    by: "all",
    window: "5m",
    severity: "warning",
    cooldown: "1h",
    resolved: true,
  },
  network: { egress: "open" },
  log: { level: "info", format: "json", rotate_size: "64MB", rotate_keep: 5 },
} as const;

/**
 * Names the schema that accepted a stored generation. A start may build from stored values without parsing only if
 * this is still the same; a test holds it equal to the schema's hash and prints the new one.
 */
export const schemaFingerprint = "f2702773bfffdcfa";
