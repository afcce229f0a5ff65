/** The listener for clients. */
import { z } from "zod";
import { defaults } from "../settings.ts";
import { duration, setting, size, text, whole } from "./setting.ts";

const portMax = 65_535;
const workersMax = 64;

export const server = z.strictObject({
  host: setting(text, "Address to listen on; `0.0.0.0` for all. Takes effect at restart.", defaults.server.host),
  port: setting(
    whole.min(0, "must be at least 0").max(portMax, `must not be more than ${portMax}`),
    "Port to listen on; 0 lets the system choose. Takes effect at restart.",
    defaults.server.port,
  ),
  workers: setting(
    whole.min(1, "must be at least 1").max(workersMax, `must not be more than ${workersMax}`),
    "Threads that serve requests; more than one needs Linux. Takes effect at restart.",
    defaults.server.workers,
  ),
  body_max: setting(size, "Largest request body; a larger one gets 413.", defaults.server.body_max),
  bodies_max: setting(size, "Most bytes of request bodies held at once by one worker.", defaults.server.bodies_max),
  upload_max: setting(
    size,
    "Largest form or file that is passed on while it comes; a larger one gets 413.",
    defaults.server.upload_max,
  ),
  header_max: setting(size, "Largest request head; a larger one gets 431.", defaults.server.header_max),
  requests_max: setting(
    whole.min(1, "must be at least 1").max(1_000_000, "must not be more than 1000000"),
    "Most requests in flight in one worker; one more gets 503.",
    defaults.server.requests_max,
  ),
  keep_alive: setting(duration, "How long an idle client connection is kept open.", defaults.server.keep_alive),
  request_timeout: setting(
    duration,
    "A request's head and body must have arrived within this time.",
    defaults.server.request_timeout,
  ),
  hold_back: setting(
    duration,
    "Longest wait for a first meaningful event before a stream's status is sent.",
    defaults.server.hold_back,
  ),
  keep_alive_comment: setting(
    duration,
    "After this much silence in a stream, a comment is sent to keep the connection alive.",
    defaults.server.keep_alive_comment,
  ),
  drain: setting(duration, "How long a stopping daemon lets running requests finish.", defaults.server.drain),
});
