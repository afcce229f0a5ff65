/**
 * The thread that fetches credentials for the clouds, supervised from the main thread. Hides that it runs only while a
 * provider needs it, and of the environment sees only what the clouds' own libraries read.
 */
import type { Worker } from "node:worker_threads";
import type { ProviderData } from "../config/generation.ts";
import { wantedBy } from "../credentials/authorizer.ts";
import type { FromCredentials, Wanted } from "../credentials/thread.ts";
import type { Log } from "../log.ts";
import { startThread } from "./threads.ts";

export type Credentials = {
  /** Of these providers from now on. */
  use(providers: readonly ProviderData[]): void;
  /** The newest word on each credential, for a worker that has just begun. */
  current(): readonly FromCredentials[];
  /** Called with each word from now on. */
  onTold(listener: (told: FromCredentials) => void): void;
  close(): Promise<void>;
};

/** A thread that died is replaced after this long. */
const restartMs = 1_000;
const passed =
  /^(AWS|AZURE|GOOGLE|GCE|GCLOUD|CLOUDSDK|METADATA|IDENTITY|MSI|IMDS|ECS|GAE|K_)|^(HOME|USERPROFILE|APPDATA|PATH|TMPDIR|LANG|HTTPS?_PROXY|NO_PROXY|https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|NODE_USE_ENV_PROXY)$/;

export function openCredentials(environment: NodeJS.ProcessEnv, log: Log): Credentials {
  const env = Object.fromEntries(Object.entries(environment).filter(([name]) => passed.test(name)));
  const told = new Map<string, FromCredentials>();
  const listeners: ((told: FromCredentials) => void)[] = [];
  let wanted: readonly Wanted[] = [];
  let thread: Worker | undefined;
  let closed = false;

  function use(providers: readonly ProviderData[]): void {
    wanted = wantedBy(providers);
    for (const key of told.keys()) if (!wanted.some((one) => one.key === key)) told.delete(key);
    if (wanted.length === 0 && thread === undefined) return;
    thread ??= start();
    thread.postMessage(wanted);
  }

  function start(): Worker {
    const started = startThread("credentials", {}, env);
    started.on("message", hear);
    started.on("error", (error) => log.error("the credentials thread ended", { error: String(error) }));
    started.on("exit", () => {
      if (closed || thread !== started) return;
      thread = undefined;
      setTimeout(() => {
        if (closed || thread !== undefined || wanted.length === 0) return;
        thread = start();
        thread.postMessage(wanted);
      }, restartMs).unref();
    });
    started.unref();
    return started;
  }

  function hear(word: FromCredentials): void {
    if (!wanted.some(({ key }) => key === word.key)) return;
    const before = told.get(word.key);
    if (word.type === "failed") {
      // A credential at hand is good until it ends, whatever became of the next.
      if (before?.type !== "failed") {
        log.warn("a credential could not be obtained", { provider: word.provider, reason: word.reason });
      }
      if (before?.type === "renewed" && (before.expiresAt ?? Number.POSITIVE_INFINITY) > Date.now()) return;
    }
    told.set(word.key, word);
    for (const listener of listeners) listener(word);
  }

  return {
    use,
    current: () => [...told.values()],
    onTold: (listener) => void listeners.push(listener),
    async close() {
      closed = true;
      await thread?.terminate();
    },
  };
}
