/** Other gateways' ways of speaking, for their clients. */
import { z } from "zod";
import { flag, setting } from "./setting.ts";

export const compat = z.strictObject({
  litellm: setting(
    flag,
    "Answer `/key/*`, `/team/*`, `/user/*`, `/customer/*` and `/spend/*` as LiteLLM does, for admin tokens.",
    false,
  ),
});
