/**
 * A host without a route: run in a network namespace of its own, where only loopback is up. Hides the steps; prints what
 * came of them as JSON. Arguments: the executable that makes the bundle, a folder.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { pause, until } from "./until.ts";

export type Scene = {
  /** Why an address outside could not be reached: that is the point. */
  readonly outside: string;
  readonly installed: number | null;
  readonly answers: readonly { readonly status: number; readonly text: string }[];
  readonly doctor: { readonly code: number | null; readonly said: string };
  readonly egress: string;
  readonly exit: number | null;
  /** Every destination that the daemon's system calls name. */
  readonly destinations: readonly string[];
};

const idleMs = 3_000;

if (import.meta.main) {
  const [binary = "", folder = ""] = process.argv.slice(2);
  process.stdout.write(JSON.stringify(await play(binary, folder)));
  process.exit(0);
}

async function play(binary: string, folder: string): Promise<Scene> {
  execFileSync(
    ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"].find((path) => spawnSync(path, ["-V"]).status === 0) ?? "ip",
    ["link", "set", "lo", "up"],
  );
  const outside = await new Promise<string>((resolve) => {
    connect(443, "192.0.2.1")
      .once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""))
      .setTimeout(3_000, () => resolve("timeout"));
  });
  const upstream = createServer((request, response) => {
    request.resume().on("end", () => {
      response.setHeader("content-type", "application/json");
      const message = { role: "assistant", content: "from this machine" };
      response.end(
        JSON.stringify({
          id: "1",
          object: "chat.completion",
          created: 1,
          model: "local",
          choices: [{ index: 0, message, finish_reason: "stop" }],
          usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 },
        }),
      );
    });
  }).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const [prefix, home, trace] = [join(folder, "p"), join(folder, "h"), join(folder, "trace")];
  const env = { HOME: folder, NO_COLOR: "1", PATH: process.env["PATH"] };
  const run = (command: string, ...args: string[]) => spawnSync(command, args, { env, cwd: folder, encoding: "utf8" });
  const key = join(folder, "k.key");
  const publicKey = run(binary, "bundle", "keygen", "--out", key).stdout.trim();
  run(binary, "bundle", "create", "--key", key, "--out", join(folder, "b"));
  const installed = run(
    binary,
    "bundle",
    "install",
    join(folder, "b"),
    "--prefix",
    prefix,
    "--home",
    home,
    "--pubkey",
    publicKey,
  ).status;
  const config = join(folder, "config.yaml");
  const { port } = upstream.address() as AddressInfo;
  writeFileSync(
    config,
    `server: { port: 0 }\nnetwork: { egress: closed }\nproviders: { vllm: { base_url: "http://127.0.0.1:${port}/v1", models: [local] } }\n`,
  );
  const bifrost = join(prefix, "bin", "bifrost");
  const daemon = spawn(
    "strace",
    [
      "-f",
      "-qq",
      "-e",
      "trace=connect,sendto,sendmsg,sendmmsg",
      "-o",
      trace,
      bifrost,
      "serve",
      "--home",
      home,
      "--config",
      config,
    ],
    { env, cwd: folder, stdio: ["ignore", "pipe", "inherit"] },
  );
  let out = "";
  daemon.stdout.setEncoding("utf8").on("data", (part: string) => {
    out += part;
  });
  const url = await until("the ready line", () => /listening on (\S+)/.exec(out)?.[1], 60_000);
  const secret = /sk-bf-\w+/.exec(out)?.[0] ?? "";
  await pause(idleMs);
  const answers: { status: number; text: string }[] = [];
  for (let turn = 0; turn < 20; turn++) {
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "vllm/local", messages: [{ role: "user", content: "hello" }] }),
    });
    answers.push({ status: answer.status, text: await answer.text() });
  }
  const egress = run(bifrost, "egress", "--json", "--home", home).stdout;
  const doctor = run(bifrost, "doctor", "--offline", "--home", home);
  run(bifrost, "stop", "--home", home);
  const [exit] = (await once(daemon, "exit")) as [number | null];
  upstream.close();
  return {
    ...{ outside, installed, answers, egress, exit },
    doctor: { code: doctor.status, said: doctor.stdout + doctor.stderr },
    destinations: destinationsIn(readFileSync(trace, "utf8")),
  };
}

function destinationsIn(trace: string): readonly string[] {
  const found = new Set<string>();
  for (const [, family, rest] of trace.matchAll(/sa_family=(AF_\w+)([^}]*)/g)) {
    const address = /inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"/.exec(rest!);
    found.add(`${family} ${address?.[1] ?? address?.[2] ?? ""}`.trim());
  }
  return [...found].toSorted();
}
