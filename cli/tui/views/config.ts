/** The config that runs, the ones before it, and what differs from the file on disk. Hides that a diff is asked for per generation. */
import type {
  ConfigDiffAnswer,
  ConfigHistoryAnswer,
  ConfigValidateAnswer,
  ConfigVersion,
} from "../../../daemon/admin/contract/config.ts";
import type { ReloadAnswer, StatusAnswer } from "../../../daemon/admin/contract/daemon.ts";
import { renderTime } from "../../render.ts";
import { fold, plain } from "../../text.ts";
import { away } from "../draw/format.ts";
import { blank, type Line, line, span } from "../draw/line.ts";
import { type ActionContext, type Column, defineView } from "../view.ts";

type Data = {
  readonly versions: readonly ConfigVersion[];
  readonly status: StatusAnswer;
  /** Absent where the environment decides: there is no file to check. */
  readonly check: ConfigValidateAnswer | undefined;
  readonly diff: ConfigDiffAnswer | undefined;
};
type Context = ActionContext<Data, ConfigVersion>;

const hashCharacters = 12;
const problemsMax = 5;

const columns: readonly Column<ConfigVersion>[] = [
  {
    title: "GEN",
    width: 5,
    align: "right",
    cell: (version) => [span(String(version.generation), version.active ? "strong" : "plain")],
    value: (version) => version.generation,
  },
  { title: "", width: 6, cell: (version) => [version.active ? ["● runs", "good"] : ["", "plain"]] },
  {
    title: "SINCE",
    width: 19,
    cell: (version) => [span(renderTime(version.at_ms))],
    value: (version) => version.at_ms,
  },
  { title: "AGO", width: 11, drop: 2, cell: (version, _, now) => [span(away(version.at_ms, now), "dim")] },
  {
    title: "HASH",
    width: hashCharacters,
    drop: 1,
    cell: (version) => [span(version.hash.slice(0, hashCharacters), "dim")],
    value: (version) => version.hash,
  },
  {
    title: "ORIGIN",
    width: 16,
    grow: 1,
    cell: (version) => [span(version.origin)],
    value: (version) => version.origin,
  },
];

export const config = defineView<Data, ConfigVersion>({
  name: "config",
  aliases: ["cfg", "generations"],
  title: "Config",
  summary: "generations, what differs, and the way back",
  inBar: true,
  everyMs: 3_000,
  async load(source) {
    const [{ versions }, status, check, diff] = await Promise.all([
      source.get<ConfigHistoryAnswer>("/api/config/history"),
      source.get<StatusAnswer>("/api/status"),
      // Without a file there is nothing to check or to compare with.
      source.send<ConfigValidateAnswer>("POST", "/api/config/validate", {}).catch(() => undefined),
      source.get<ConfigDiffAnswer>("/api/config/diff").catch(() => undefined),
    ]);
    return { versions: versions.toSorted((one, other) => other.generation - one.generation), status, check, diff };
  },
  head: (data, { width }) => head(data, width),
  table: {
    columns,
    rows: ({ versions }) => versions,
    id: ({ generation }) => String(generation),
    open: ({ generation }) => ({ view: "diff", subject: String(generation) }),
    empty: () => [line("  ", span("No generation has been kept yet.", "dim"))],
  },
  copy: (_, version) => version?.hash ?? "",
  actions: [
    { key: "d", label: "diff to disk", run: ({ go }) => go({ view: "diff", subject: "disk" }) },
    { key: "R", label: "rollback", changes: true, needsRow: true, run: rollback },
    { key: "L", label: "reload", changes: true, run: reloadConfig },
  ],
});

export const diff = defineView<ConfigDiffAnswer>({
  name: "diff",
  aliases: [],
  title: "Config diff",
  summary: "what differs between two configs",
  inBar: false,
  everyMs: 10_000,
  load: (source, { subject = "disk" }) =>
    source.get<ConfigDiffAnswer>("/api/config/diff", subject === "disk" ? {} : { to: Number(subject) }),
  page: (answer, { width }) => [
    line(" from ", span(answer.from, "strong"), " to ", span(answer.to, "strong")),
    blank,
    ...(answer.same
      ? [line("  ", span("They are the same.", "good"))]
      : answer.diff.split("\n").flatMap((each) => diffLines(each, width))),
  ],
  copy: ({ diff: text }) => text,
  actions: [],
});

function diffLines(text: string, width: number): readonly Line[] {
  const style = /^(\+\+\+|---|@@)/.test(text) ? "accent" : (({ "+": "good", "-": "bad" } as const)[text[0]!] ?? "dim");
  return fold(plain(text), width - 2).map((each): Line => [span(` ${each}`, style)]);
}

function head({ status, check, diff: differs }: Data, width: number): readonly Line[] {
  const place: Line = [
    span(" file   ", "dim"),
    span(status.config.path ?? "none: providers come from the environment", "strong"),
    span(`   generation ${status.config.generation}, ${status.config.hash.slice(0, hashCharacters)}`, "dim"),
  ];
  return [
    place,
    [span(" disk   ", "dim"), ...onDisk(check, differs)],
    ...(check === undefined ? [] : problems(check, width)),
    ...status.warnings.slice(0, problemsMax).map((text): Line => [span(" ▲      ", "warn"), span(text)]),
    blank,
  ];
}

function onDisk(check: ConfigValidateAnswer | undefined, differs: ConfigDiffAnswer | undefined): Line {
  if (check === undefined) return [span("no file: write config.yaml to have one (docs/config.md)", "dim")];
  if (!check.ok) return [span(`✗ ${problemCount(check)}: the file is not used, the last good one runs on`, "bad")];
  if (differs === undefined) return [span("nothing to compare with", "dim")];
  return differs.same
    ? [span("● the same as what runs", "good")]
    : [span("▲ differs from what runs: d shows how, L loads it", "warn")];
}

function problemCount({ problems: { length } }: ConfigValidateAnswer): string {
  return `${length} problem${length === 1 ? "" : "s"}`;
}

function problems({ path, problems: found }: ConfigValidateAnswer, width: number): readonly Line[] {
  return found.slice(0, problemsMax).flatMap(({ line: at, column, message, field }): readonly Line[] => {
    const place = [path ?? "config", at, column].filter((part) => part !== null).join(":");
    const words = plain(`${field === null ? "" : `${field}: `}${message}`);
    return [
      [span(`        ${place}`, "bad")],
      ...fold(words, width - 10).map((each): Line => [span(`          ${each}`)]),
    ];
  });
}

async function rollback({ row, dialogs, source, reload }: Context): Promise<void> {
  if (row.active) return dialogs.notice(`Generation ${row.generation} runs already`, "info");
  const { diff: text } = await source.get<ConfigDiffAnswer>("/api/config/diff", { to: row.generation });
  const changes = text.split("\n").filter((each) => /^[+-](?![+-]{2})/.test(each));
  const shown = changes.slice(0, 8);
  const more = changes.length > shown.length ? [`… and ${changes.length - shown.length} more lines`] : [];
  if (
    !(await dialogs.confirm(`Use generation ${row.generation} of ${renderTime(row.at_ms)} again?`, [...shown, ...more]))
  )
    return;
  const answer = await source.send<ReloadAnswer>("POST", "/api/config/rollback", { generation: row.generation });
  reload();
  dialogs.notice(`Generation ${answer.generation} runs, with the content of ${row.generation}`, "good");
}

async function reloadConfig({ dialogs, source, reload }: Context): Promise<void> {
  const answer = await source.send<ReloadAnswer>("POST", "/api/reload", {});
  reload();
  dialogs.notice(answer.changed ? `Generation ${answer.generation} runs` : "Nothing has changed", "good");
}
