/** Tells systemd how we are. Hides that Node has no datagram sockets of that kind, and `systemd-notify` sends for us. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";

const places = ["/usr/bin/systemd-notify", "/bin/systemd-notify"];
const sendMsMax = 5_000;

/**
 * `serving` names this process as the service's main one: after a hand-over it is another. Does nothing outside of
 * systemd, and fails silently: a service that serves must not end because nobody listened.
 */
export function notify(state: "serving" | "stopping", environment: NodeJS.ProcessEnv): Promise<void> {
  const program = places.find((place) => existsSync(place));
  if (!environment["NOTIFY_SOCKET"] || program === undefined) return Promise.resolve();
  const words = state === "serving" ? ["--ready", `--pid=${process.pid}`] : ["STOPPING=1"];
  return new Promise((resolve) => {
    execFile(program, words, { env: environment, timeout: sendMsMax }, () => resolve());
  });
}
