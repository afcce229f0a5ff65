/** What is kept of each request, and the daemon's own log. */
import { z } from "zod";
import { defaults } from "../settings.ts";
import { redactKinds } from "../telemetry-data.ts";
import { duration, flag, section, setting, size, text, whole } from "./setting.ts";

const rollups = z.strictObject({
  minutes: setting(duration, "Sums by minute.", defaults.record.rollups.minutes),
  hours: setting(duration, "Sums by hour.", defaults.record.rollups.hours),
  days: setting(duration, "Sums by day.", defaults.record.rollups.days),
});

const offload = z.strictObject({
  to: z.enum(["files", "s3"]).meta({ description: "A folder, or a bucket that speaks S3." }),
  path: setting(text, "Files: the folder, relative to the config file."),
  bucket: setting(text, "S3: the bucket."),
  region: setting(text, "S3: its region.", defaults.record.offload.region),
  endpoint: setting(text, "S3: the server's address, for a store other than Amazon's."),
  prefix: setting(text, "S3: what object names begin with.", defaults.record.offload.prefix),
  access_key_id: setting(text, "S3: the id of the access key; may be `env.NAME`."),
  secret_access_key: setting(text, "S3: the secret of the access key, `env.NAME` or `file.PATH`."),
  session_token: setting(text, "S3: the token of a temporary access key, `env.NAME` or `file.PATH`."),
  path_style: setting(
    flag,
    "S3: the bucket stands in the path, not in the host's name. Default: true with an `endpoint` of your own.",
  ),
});

export const record = z.strictObject({
  requests: setting(flag, "Keep one row per request in `traffic.db`.", defaults.record.requests),
  retention: setting(duration, "How long request rows are kept.", defaults.record.retention),
  audit: setting(flag, "Keep one hash-chained audit row per request.", defaults.record.audit),
  responses: setting(
    flag,
    "Keep responses of `/v1/responses` for `previous_response_id` and `GET` where the provider does not, unless the request says `store: false`; for 30 days, in `responses.db`.",
    defaults.record.responses,
  ),
  audit_on_failure: setting(
    z.enum(["block", "count"]),
    "When the audit trail cannot be written: refuse requests, or serve and count what is missing.",
    defaults.record.audit_on_failure,
  ),
  rollups: section(rollups, "How long sums of requests are kept."),
  content: setting(
    z.enum(["off", "metadata", "full"]),
    "What is kept of what was said: nothing, its shape (roles, sizes, tool names, parameters), or all. A key may say otherwise.",
    defaults.record.content,
  ),
  content_request: setting(
    z.enum(["less", "any", "none"]),
    "What a request's `x-bifrost-content` header may ask for: less than the key would keep, anything, or nothing.",
    defaults.record.content_request,
  ),
  content_max: setting(size, "Most that is kept of one request's or answer's text.", defaults.record.content_max),
  content_retention: setting(duration, "How long what was said is kept. Default: as long as the rows."),
  redact: setting(
    z.array(z.enum(redactKinds), "expected a list of kinds").max(redactKinds.length),
    "What is masked in what is kept: `secrets` (keys and tokens), `emails`, `cards`, `phones`, `ibans`.",
    defaults.record.redact,
  ),
  redact_patterns: setting(
    z.array(text, "expected a list of patterns").max(100),
    "Further patterns that are masked, regular expressions in RE2's syntax.",
  ),
  offload: section(offload, "Where the texts that are kept go, instead of staying in `traffic.db`."),
});

export const log = z.strictObject({
  level: setting(z.enum(["debug", "info", "warn", "error"]), "Least severe line the daemon logs.", defaults.log.level),
  format: setting(z.enum(["json", "text"]), "One JSON object a line, or text for people.", defaults.log.format),
  file: setting(text, "File to append to, relative to the config file. Default: standard error."),
  rotate_size: setting(
    size,
    "A file of this size is set aside as `<file>.1`, and a new one begun.",
    defaults.log.rotate_size,
  ),
  rotate_keep: setting(
    whole.min(1, "must be at least 1").max(1_000, "must not be more than 1000"),
    "So many older files are kept.",
    defaults.log.rotate_keep,
  ),
});
