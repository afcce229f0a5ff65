/** The parts of undici that are needed, imported by file: the package's index loads twice as much. */
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
declare module "undici/lib/dispatcher/agent.js" {
  import { Agent } from "undici";
  // biome-ignore lint/style/noDefaultExport: the shape of their module
  export default Agent;
}
declare module "undici/lib/api/api-request.js" {
  import { Dispatcher } from "undici";

  const request: (this: Dispatcher, options: Dispatcher.RequestOptions) => Promise<Dispatcher.ResponseData>;
  // biome-ignore lint/style/noDefaultExport: the shape of their module
  export default request;
}
