/**
 * Which config runs: the one at boot, each later version of the file, a rollback. Hides watching, history and what is
 * remembered for `bifrost status`.
 */
import { get } from "node:http";
import { resolve } from "node:path";
import { GatewayError } from "../../providers/gateway-error.ts";
import { createTurns } from "../admin/services/turns.ts";
import { bootConfig } from "../config/boot.ts";
import { detectOllama, loadDefaults } from "../config/defaults.ts";
import { findConfig } from "../config/find.ts";
import type { GenerationData } from "../config/generation.ts";
import { type History, openHistory } from "../config/history.ts";
import type { LoadResult } from "../config/load.ts";
import type { OwnEntry, WithOwn } from "../config/own-config.ts";
import { renderProblem } from "../config/problems.ts";
import type { Environment } from "../config/secrets.ts";
import type { ConfigWatch } from "../config/watch.ts";
import type { Log } from "../log.ts";

export type ConfigControl = {
  readonly path: string | undefined;
  readonly history: History;
  /** The generation in use. */
  readonly current: GenerationData;
  readonly loadedAtMs: number;
  readonly warnings: readonly string[];
  /** Why the file now on disk is not the one that runs. */
  readonly error: string | undefined;
  /** Routing rules and prices of the database are among the config's from now on; before `watch` they are only noted. */
  use(own: readonly OwnEntry[]): Promise<void>;
  /** By id: why an entry is not in force. */
  readonly ownFaults: ReadonlyMap<string, string>;
  /** What the file says, without them. */
  readonly ofFile: GenerationData;
  /** From now on new versions are given to `apply`, one after the other. */
  watch(apply: (next: GenerationData) => Promise<void>, log: Log): Promise<void>;
  /** Loads the file now. Throws `invalid_request` with every problem. */
  reload(): Promise<{ readonly changed: boolean }>;
  rollback(number: number): Promise<void>;
  close(): Promise<void>;
};

/** `config_invalid` for the command line: the file is broken and nothing good is known of it. */
export class ConfigInvalid extends Error {
  readonly code = "config_invalid";
}

export type ConfigControlOptions = {
  readonly home: string;
  readonly explicit: string | undefined;
  readonly directory: string;
  readonly environment: Environment;
  /** Host and port of the command line win over the file's. */
  readonly override: (data: GenerationData) => GenerationData;
};

/** How long a local Ollama may take to answer the question whether it is there. */
const ollamaWaitMs = 1_000;

export async function openConfig(options: ConfigControlOptions): Promise<ConfigControl> {
  const { environment, override } = options;
  const history = await openHistory(options.home);
  const path = findConfig({ explicit: options.explicit, directory: options.directory, home: options.home });
  const boot = await bootConfig({ path, environment, history });
  if (!boot.ok) throw new ConfigInvalid(boot.problems.map(renderProblem).join("\n"));
  let ofFile = override(boot.result.data);
  let own: readonly OwnEntry[] = [];
  let ownFaults: ReadonlyMap<string, string> = new Map();
  let current = ofFile;
  const inTurn = createTurns();
  let loadedAtMs = Date.now();
  let warnings = boot.result.warnings.map(renderProblem);
  let error = boot.problems.length === 0 ? undefined : boot.problems.map(renderProblem).join("\n");
  let watcher: ConfigWatch | undefined;
  let starting: Promise<void> | undefined;
  let applying: ((next: GenerationData) => Promise<void>) | undefined;
  let closed = false;

  async function take(result: LoadResult & { readonly ok: true }): Promise<void> {
    const next = override(result.data);
    const merged = await withOwn(next, own);
    await applying?.(merged.data);
    ofFile = next;
    current = merged.data;
    ownFaults = merged.faults;
    loadedAtMs = Date.now();
    warnings = result.warnings.map(renderProblem);
    error = undefined;
    if (path !== undefined) await history.record(result, path);
  }

  async function use(entries: readonly OwnEntry[]): Promise<void> {
    const number = applying === undefined ? ofFile.number : history.nextNumber(current.number);
    const merged = await withOwn({ ...ofFile, number }, entries);
    await applying?.(merged.data);
    own = entries;
    ownFaults = merged.faults;
    current = merged.data;
  }

  function watch(apply: (next: GenerationData) => Promise<void>, log: Log): Promise<void> {
    applying = apply;
    starting = path === undefined ? lookForOllama(log) : startWatch(path, log);
    return starting;
  }

  async function startWatch(path: string, log: Log): Promise<void> {
    const { watchConfig } = await import("../config/watch.ts");
    if (closed) return;
    watcher = await watchConfig({
      path,
      text: boot.ok ? boot.text : "",
      files: boot.ok ? boot.result.files : [],
      environment,
      busyFolder: resolve(options.home),
      // What only a start carries out stands as it was then, whatever came after and whatever the command line said.
      current: () => (boot.ok ? boot.result.data : undefined),
      nextNumber: () => history.nextNumber(current.number),
      onError: (problem) => log.warn("the config watch is impaired", { error: String(problem) }),
      onOutcome: async (result) => {
        if (!result.ok) {
          error = result.problems.map(renderProblem).join("\n");
          log.error("the config was not accepted; the last good one stays in use", { problems: error });
          return;
        }
        try {
          await inTurn(() => take(result));
        } catch (failure) {
          error = failure instanceof Error ? failure.message : String(failure);
          log.error("the config could not be put to use; the last good one stays in use", { problems: error });
          return;
        }
        log.info("config reloaded", { generation: current.number, warnings });
      },
    });
  }

  /** Without a config a local Ollama is found by asking; the start does not wait for it. */
  async function lookForOllama(log: Log): Promise<void> {
    const found = await detectOllama(environment, answers);
    if (!found || closed) return;
    const result = loadDefaults({ environment, number: current.number + 1, ollama: true });
    if (result.ok) await inTurn(() => take(result));
    log.info("found a local Ollama");
  }

  async function reload(): Promise<{ readonly changed: boolean }> {
    if (path !== undefined) await starting; // asked for in the first moments, it must not be passed over
    if (watcher === undefined) return { changed: false };
    const before = current.number;
    const result = await watcher.reload();
    if (!result.ok) throw refused(result.problems.map(renderProblem));
    if (error !== undefined) throw refused([error]);
    return { changed: current.number !== before };
  }

  async function rollback(number: number): Promise<void> {
    if (path === undefined) throw refused(["there is no config file to roll back"]);
    const done = await history.rollback(number, path);
    if (!done.ok) throw refused([done.message]);
    await reload();
  }

  return {
    path,
    history,
    get current() {
      return current;
    },
    get loadedAtMs() {
      return loadedAtMs;
    },
    get warnings() {
      return warnings;
    },
    get error() {
      return error;
    },
    get ownFaults() {
      return ownFaults;
    },
    get ofFile() {
      return ofFile;
    },
    use: (entries) => inTurn(() => use(entries)),
    watch,
    reload,
    rollback,
    async close() {
      closed = true;
      await watcher?.close();
    },
  };
}

/** Who has no rules and prices of their own does not load what checks them. */
async function withOwn(data: GenerationData, own: readonly OwnEntry[]): Promise<WithOwn> {
  if (own.length === 0) return { data, faults: new Map() };
  return (await import("../config/own-config.ts")).withOwn(data, own);
}

/** With node's own client: undici would stay in the main thread's memory for this one question. */
function answers(url: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const asked = get(url, { signal: AbortSignal.timeout(ollamaWaitMs), agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on("error", reject);
  });
}

function refused(problems: readonly string[]): GatewayError {
  return new GatewayError("invalid_request", problems.join("\n"), { source: "client" });
}
