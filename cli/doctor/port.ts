/** The address for clients: answered by the daemon, or free for it. */
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { ConfigValidateAnswer } from "../../daemon/admin/contract/config.ts";
import { codeOf } from "../failure.ts";
import { type Check, good, note, type Patient, problem, warning } from "./check.ts";

const portDefault = 8080;
const answerMs = 5_000;

export const port: Check = {
  name: "port",
  isLocal: true,
  about: "the daemon answers there, or it is free for it",
  async run(patient) {
    const { status } = patient;
    if (status === undefined) return [await free(await wanted(patient))];
    try {
      const answer = await fetch(`${status.url}/health/ready`, { signal: AbortSignal.timeout(answerMs) });
      if (answer.ok) return [good(`${status.url} answers`)];
      return [warning(`${status.url} is not ready (${answer.status})`, "It may be draining: bifrost status")];
    } catch {
      return [
        problem(
          `${status.url} does not answer from here`,
          "A firewall or another program stands before it: see server.host and server.port.",
        ),
      ];
    }
  },
};

async function free({ host, port: number }: { readonly host: string; readonly port: number }) {
  const where = `${host}:${number}`;
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(codeOf(error) ?? "error"));
    server.listen({ host, port: number }, () => server.close(() => resolve(undefined)));
  });
  if (code === undefined) return good(`${where} is free`);
  if (code === "EADDRINUSE")
    return problem(
      `${where} is taken by another program`,
      `See by which: ss -ltnp 'sport = :${number}'. Or set server.port, or --port.`,
    );
  if (code === "EACCES")
    return problem(
      `${where} needs a privilege`,
      "Take a port from 1024 up, or: setcap cap_net_bind_service=+ep on the program.",
    );
  return code === "EADDRNOTAVAIL"
    ? problem(`${host} is no address of this machine`, "Set server.host: 127.0.0.1, or 0.0.0.0 for all.")
    : note(`${where}: ${code}`);
}

/** What the config says, where it can be read. */
async function wanted({ client }: Patient): Promise<{ readonly host: string; readonly port: number }> {
  const checked = await client
    ?.call<ConfigValidateAnswer>("POST", "/api/config/validate", { body: {} })
    .catch(() => undefined);
  if (checked?.path == null) return { host: "127.0.0.1", port: portDefault };
  try {
    const { parse } = await import("yaml");
    const { server } = (parse(readFileSync(checked.path, "utf8")) ?? {}) as {
      server?: { host?: string; port?: number };
    };
    return { host: server?.host ?? "127.0.0.1", port: server?.port ?? portDefault };
  } catch {
    return { host: "127.0.0.1", port: portDefault };
  }
}
