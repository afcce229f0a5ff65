/** The config as the admin API tells it: checked, compared, listed, taken back. */
import { readFile } from "node:fs/promises";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { unifiedDiff } from "../../config/diff.ts";
import { type LoadResult, loadConfig } from "../../config/load.ts";
import { type ConfigProblem, renderProblem } from "../../config/problems.ts";
import type { Environment } from "../../config/secrets.ts";
import type { ConfigControl } from "../../runtime/config-control.ts";
import type { AdminServices } from "../admin-services.ts";

/** What of the config control is needed without a running daemon. */
export type ConfigSource = Pick<ConfigControl, "path" | "history" | "rollback"> & {
  /** Absent while no daemon runs. */
  readonly current?: ConfigControl["current"];
};

export function createConfigService(source: ConfigSource, environment: Environment): AdminServices["config"] {
  const { history } = source;

  async function validate(
    text: string | undefined,
    path: string | undefined,
  ): Promise<LoadResult & { readonly path: string | null }> {
    const file = path ?? source.path;
    if (text === undefined && file === undefined) {
      throw new GatewayError("not_found", "there is no config file; name one", { param: "path" });
    }
    const written = text ?? (await readFile(file!, "utf8").catch((error: unknown) => unreadable(file!, error)));
    const result = await loadConfig({ text: written, path: file ?? "(text)", environment, number: 0 });
    return { ...result, path: text === undefined ? (file ?? null) : null };
  }

  async function textOf(
    generation: number | undefined,
    orElse: "running" | "file",
  ): Promise<{ readonly name: string; readonly text: string }> {
    if (generation !== undefined) {
      const entry = await history.get(generation);
      if (entry === undefined)
        throw new GatewayError("not_found", `generation ${generation} is not in the history`, { param: "generation" });
      return { name: `generation ${generation}`, text: entry.source };
    }
    if (orElse === "file") {
      if (source.path === undefined) throw new GatewayError("not_found", "there is no config file");
      return {
        name: source.path,
        text: await readFile(source.path, "utf8").catch((error: unknown) => unreadable(source.path!, error)),
      };
    }
    const last = await history.lastGood();
    return { name: last === undefined ? "nothing" : `generation ${last.number}`, text: last?.source ?? "" };
  }

  return {
    async validate(request) {
      const { path, ...result } = await validate(request.text, request.path);
      const problems = result.ok ? [] : result.problems;
      return { ok: result.ok, path, problems: problems.map(toWire), warnings: result.warnings.map(renderProblem) };
    },
    async schema() {
      const { configJsonSchema } = await import("../../config/json-schema.ts");
      return configJsonSchema() as Readonly<Record<string, unknown>>;
    },
    async diff(query) {
      const [from, to] = await Promise.all([textOf(query.from, "running"), textOf(query.to, "file")]);
      const diff = unifiedDiff(from.text, to.text, { from: from.name, to: to.name });
      return { from: from.name, to: to.name, same: diff === "", diff };
    },
    async history() {
      const entries = await history.list();
      const active = source.current?.number ?? entries[0]?.number;
      return {
        versions: entries.map(({ number, hash, acceptedAtMs, path }) => ({
          generation: number,
          hash,
          at_ms: acceptedAtMs,
          origin: path,
          active: number === active,
        })),
      };
    },
    async rollback({ generation }) {
      await textOf(generation, "running"); // one that is not kept is a 404, not a refusal
      await source.rollback(generation);
      const last = await history.lastGood();
      return {
        generation: source.current?.number ?? last?.number ?? generation,
        hash: source.current?.hash ?? last?.hash ?? "",
        changed: true,
        warnings: [],
      };
    },
  };
}

function unreadable(path: string, error: unknown): never {
  const { code } = error as NodeJS.ErrnoException;
  const reason = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : code;
  throw new GatewayError("not_found", `${path} cannot be read: ${reason ?? "unknown reason"}`, { param: "path" });
}

function toWire({ line, column, path, message, suggestion }: ConfigProblem) {
  return {
    line: line ?? null,
    column: column ?? null,
    field: path === "" ? null : path,
    message: suggestion === undefined ? message : `${message} (did you mean "${suggestion}"?)`,
  };
}
