/** The way out to providers, and where the admin API listens. */
import { z } from "zod";
import { defaults } from "../settings.ts";
import { listMax, setting, text } from "./setting.ts";

export const network = z.strictObject({
  egress: setting(
    z.enum(["open", "closed"]),
    "`closed` refuses every connection but those to addresses of this config, when it is made; `bifrost egress` lists them.",
    defaults.network.egress,
  ),
  proxy: setting(
    text,
    "Proxy for all providers: a URL, `env.NAME`, or `none`. Default: HTTPS_PROXY and HTTP_PROXY of the environment.",
  ),
  no_proxy: setting(
    z.array(text, "expected a list of hosts").max(listMax),
    "Hosts reached directly: names with all below them, `host:port`, addresses, networks as `10.0.0.0/8`, or `*`. Default: NO_PROXY of the environment.",
  ),
});

export const admin = z.strictObject({
  listen: setting(
    text,
    "Address and port of the admin API for admin tokens, besides the socket: `127.0.0.1:8081`. Default: the socket alone. Takes effect at restart.",
  ),
  socket: setting(
    text,
    "Path of the admin API's Unix socket. Default: `admin.sock` in the home. Takes effect at restart.",
  ),
});
