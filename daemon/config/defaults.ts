/**
 * A start without any config file: providers whose usual environment variable is set, a local Ollama if it answers,
 * and the built-in echo. Loads neither the YAML parser nor the schema.
 */
import { hosts } from "../../providers/hosts.ts";
import { build } from "./build.ts";
import { hashOf, type LoadResult } from "./load.ts";
import { renderPath } from "./problems.ts";
import type { ConfigFile, ProviderEntry } from "./schema.ts";
import type { Environment } from "./secrets.ts";

export type DefaultsOptions = {
  readonly environment: Environment;
  readonly number: number;
  /** A local Ollama answered; see `detectOllama`. */
  readonly ollama: boolean;
  /** Folder that relative paths would be in; no default uses one. */
  readonly directory?: string;
};

/** Never fails: a provider whose key cannot be used is left out with a warning. */
export function loadDefaults({
  environment,
  number,
  ollama,
  directory = "/",
}: DefaultsOptions): LoadResult & { ok: true } {
  const providers: Record<string, ProviderEntry> = {};
  for (const { name, environment: variables } of Object.values(hosts)) {
    if (variables.some((variable) => environment[variable])) providers[name] = {};
  }
  if (ollama) providers["ollama"] = { base_url: ollamaUrl(environment) };
  const inputs = { environment, directory, number, now: 0 };
  const first = build({ providers }, { ...inputs, hash: "" });
  for (const { path } of first.problems) if (path[0] === "providers") delete providers[String(path[1])];
  const file: ConfigFile = { providers };
  const built = build(file, { ...inputs, hash: hashOf(JSON.stringify(file)) });
  const left = first.problems.map(({ path, message }) => ({
    file: "",
    path: renderPath(path),
    message: `${message}; the provider is left out`,
  }));
  return { ok: true, data: built.data, warnings: left, files: [], source: "", file };
}

/** Where Ollama listens by its own convention: `OLLAMA_HOST` is a host, a host and port, or a URL. */
export function ollamaUrl(environment: Environment): string {
  const usual = hosts["ollama"]?.baseUrl ?? "";
  const written = environment["OLLAMA_HOST"]?.trim().replace(/\/+$/, "");
  if (!written) return usual;
  const text = written.includes("://") ? written : `http://${/^:\d+$/.test(written) ? `127.0.0.1${written}` : written}`;
  if (!URL.canParse(text)) return usual;
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return usual;
  const port = url.port || (written.includes("://") ? "" : "11434");
  // A server is told to listen on all addresses by this name; a client cannot dial it everywhere.
  const host = url.hostname === "0.0.0.0" || url.hostname === "[::]" ? "127.0.0.1" : url.hostname;
  return `${url.protocol}//${host}${port === "" ? "" : `:${port}`}/v1`;
}

/** Asks whether Ollama is there. Called beside the start, never before it: its answer becomes a new generation. */
export async function detectOllama(
  environment: Environment,
  probe: (url: string) => Promise<boolean>,
): Promise<boolean> {
  try {
    return await probe(`${ollamaUrl(environment)}/models`);
  } catch {
    return false;
  }
}
