/** Timers of calls to providers. */
import { z } from "zod";
import { defaults } from "../settings.ts";
import { duration, setting } from "./setting.ts";

/** The timers stand twice: in general, with defaults, and for one provider, where the general ones are the default. */
export const timeouts = timers(defaults.timeouts);
export const providerTimeouts = timers({});

function timers(usual: Partial<typeof defaults.timeouts>) {
  return z.strictObject({
    connect: setting(duration, "Longest wait for a connection to the provider, TLS included.", usual.connect),
    first_byte_stream: setting(
      duration,
      "Longest wait for the first byte of a streamed answer.",
      usual.first_byte_stream,
    ),
    first_byte: setting(
      duration,
      "Longest wait for the first byte of an answer that is not streamed.",
      usual.first_byte,
    ),
    idle: setting(duration, "Longest silence of the provider once the answer has begun.", usual.idle),
    client_stall: setting(
      duration,
      "Longest time a client may take no byte before the call is given up.",
      usual.client_stall,
    ),
    total: setting(duration, "Longest life of one call, streamed or not.", usual.total),
  });
}
