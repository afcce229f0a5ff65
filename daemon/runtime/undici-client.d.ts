/** The parts of undici that the hot path needs, imported by file: the package's index loads twice as much. */
declare module "undici/lib/dispatcher/proxy-agent.js" {
  import { ProxyAgent } from "undici";
  // biome-ignore lint/style/noDefaultExport: the shape of their module
  export default ProxyAgent;
}
declare module "undici/lib/dispatcher/pool.js" {
  import { Pool } from "undici";
  // biome-ignore lint/style/noDefaultExport: the shape of their module
  export default Pool;
}
declare module "undici/lib/api/api-connect.js" {
  import { Dispatcher } from "undici";

  const connect: Dispatcher["connect"];
  // biome-ignore lint/style/noDefaultExport: the shape of their module
  export default connect;
}
declare module "undici/lib/core/connect.js" {
  import { buildConnector } from "undici";
  // biome-ignore lint/style/noDefaultExport: the shape of their module
  export default buildConnector;
}
