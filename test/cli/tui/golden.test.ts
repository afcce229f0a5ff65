process.env["TZ"] = "UTC";

import assert from "node:assert/strict";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ColorDepth, Theme } from "../../../cli/tui/draw/palette.ts";
import { views } from "../../../cli/tui/views.ts";
import type { ConfigValidateAnswer } from "../../../daemon/admin/contract/config.ts";
import type { StatusAnswer } from "../../../daemon/admin/contract/daemon.ts";
import type { LogAnswer, LogsAnswer } from "../../../daemon/admin/contract/logs.ts";
import { batchRows, cannedOpen, explainedBatch, explainedHedge, logRows } from "./canned-requests.ts";
import { type CannedSource, cannedNow, cannedSource } from "./canned-source.ts";
import { keyBytes, openTui, type TuiLab } from "./tui-lab.ts";

const folder = join(import.meta.dirname, "golden");
/** Written anew with `BIFROST_GOLDEN=write`; then look at what git says has changed. */
const writes = process.env["BIFROST_GOLDEN"] === "write";
const sizes = [
  [80, 24],
  [120, 36],
  [200, 60],
] as const;
const colors: readonly { readonly name: string; readonly color: ColorDepth; readonly theme: Theme }[] = [
  { name: "no colour", color: "none", theme: "dark" },
  { name: "16 colours, light", color: "16", theme: "light" },
  { name: "256 colours, dark", color: "256", theme: "dark" },
  { name: "true colour, dark", color: "true", theme: "dark" },
];

type Scene = {
  readonly view: string;
  readonly subject?: string;
  readonly source?: (source: CannedSource) => void;
  readonly prepare?: (lab: TuiLab) => void | Promise<void>;
};

/** Each view as it opens, and what stands over or instead of it. */
const scenes: Readonly<Record<string, Scene>> = {
  ...Object.fromEntries(views.map(({ name }) => [name, { view: name, ...subjectOf(name) }])),
  "traffic-filtered": { view: "traffic", prepare: (lab) => lab.type("/", "status:5xx", keyBytes.enter, "j") },
  "traffic-nothing-matches": { view: "traffic", prepare: (lab) => lab.type("/", "key:nobody", keyBytes.enter) },
  "traffic-paused": { view: "traffic", prepare: (lab) => lab.type("p") },
  "traffic-batches": {
    view: "traffic",
    source: (source) => {
      const rows = logRows.map((row, index) => (index < 2 ? batchRows[index]! : row));
      source.answers.set("/api/logs", { rows, older: null, looked_until_ms: null, tail: "80" } satisfies LogsAnswer);
    },
  },
  "request-batch": {
    view: "request",
    subject: batchRows[0].id,
    source: (source) => {
      const path = `/api/logs/${batchRows[0].id}`;
      source.answers.set(`${path}/explain`, explainedBatch);
      source.answers.set(path, { request: batchRows[0], content: null } satisfies LogAnswer);
    },
  },
  "request-hedged": {
    view: "request",
    subject: explainedHedge.request.id,
    source: (source) => {
      const path = `/api/logs/${explainedHedge.request.id}`;
      source.answers.set(`${path}/explain`, explainedHedge);
      source.answers.set(path, { request: explainedHedge.request, content: null } satisfies LogAnswer);
    },
  },
  "traffic-in-flight": {
    view: "traffic",
    source: (source) => void source.answers.set("/api/logs/open", cannedOpen),
    prepare: (lab) => lab.type("j"),
  },
  "keys-by-used": { view: "keys", prepare: (lab) => lab.type("s", "s", "s", "s", "s") },
  "audit-changes": {
    view: "audit",
    prepare: async (lab) => {
      lab.type(keyBytes.tab);
      await lab.seeing(/changes {2}5 /);
    },
  },
  "spend-by-model": {
    view: "spend",
    prepare: async (lab) => {
      lab.type(keyBytes.tab, keyBytes.tab);
      await lab.seeing(/gpt-4o-mini/);
    },
  },
  "owners-teams": {
    view: "owners",
    prepare: async (lab) => {
      lab.type(keyBytes.tab);
      await lab.seeing(/acme/);
    },
  },
  "config-wrong": {
    view: "config",
    source: ({ answers }) => {
      const status = answers.get("/api/status") as StatusAnswer;
      const warnings = ["/etc/bifrost/config.yaml:3:9: server.port: takes effect at restart"];
      const problem = { path: "/etc/bifrost/config.yaml", line: 12, column: 5, field: "providers.opnai" };
      answers.set("/api/status", { ...status, warnings, config: { ...status.config, error: "not used" } });
      answers.set("POST /api/config/validate", {
        ...{ ok: false, path: problem.path, warnings: [] },
        problems: [{ ...problem, message: "needs a host, since no provider has this name" }],
      } satisfies ConfigValidateAnswer);
    },
  },
  help: { view: "keys", prepare: (lab) => lab.type("?") },
  jump: { view: "traffic", prepare: (lab) => lab.type(":", "m") },
  confirm: {
    view: "keys",
    prepare: async (lab) => {
      lab.type("d");
      await lab.seeing(/Disable "web-shop"\?/);
    },
  },
  lost: {
    view: "keys",
    prepare: (lab) => {
      lab.session.state.lostSince = cannedNow - 4_000;
    },
  },
};

function subjectOf(view: string): { readonly subject?: string } {
  if (view === "request") return { subject: "req_0000000000000003" };
  return view === "diff" ? { subject: "disk" } : {};
}

function check(name: string, found: string): void {
  const file = join(folder, name);
  if (writes) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, found);
  }
  assert.ok(existsSync(file), `${file} is missing: BIFROST_GOLDEN=write makes it`);
  assert.equal(found, readFileSync(file, "utf8"));
}

for (const [name, scene] of Object.entries(scenes)) {
  for (const [width, height] of sizes) {
    test(`${name} at ${width}×${height} looks as in golden/${name}-${width}x${height}.txt`, async () => {
      check(`${name}-${width}x${height}.txt`, await picture(scene, width, height));
    });
  }
}

for (const [width, height] of sizes) {
  test(`each view with nothing in it at ${width}×${height} looks as in golden/empty-${width}x${height}.txt`, async () => {
    const frames: string[] = [];
    for (const { name, inBar } of views) {
      if (!inBar) continue;
      const source = cannedSource();
      for (const [path, answer] of source.answers) source.answers.set(path, emptied(answer));
      const lab = await openTui({ source, view: name, width, height, now: () => cannedNow });
      try {
        await lab.seeing(/serving/);
        await lab.seeing(/^(?![\s\S]*Loading)/);
        lab.session.stop();
        frames.push(`── ${name}`, ...lab.see().slice(2));
      } finally {
        lab.close();
      }
    }
    check(`empty-${width}x${height}.txt`, `${frames.join("\n").replaceAll(/\n{3,}/g, "\n\n")}\n`);
  });
}

/** The same answer of a daemon in which nothing is yet. */
function emptied(answer: unknown): unknown {
  if (typeof answer === "function") return (given: unknown) => emptied(answer(given));
  if (typeof answer !== "object" || answer === null || "state" in answer) return answer;
  return Object.fromEntries(
    Object.entries(answer).map(([name, value]) => [
      name,
      Array.isArray(value) ? [] : /count$|^total$|^records$/.test(name) ? 0 : value,
    ]),
  );
}

test("golden/ has no frame that no test draws", () => {
  const wanted = [...Object.keys(scenes), "empty"].flatMap((name) =>
    sizes.map(([width, height]) => `${name}-${width}x${height}.txt`),
  );
  assert.deepEqual(globSync("*", { cwd: folder }).sort(), wanted.sort());
});

/** The text once, as it is the same in all colours, then the styles of each. */
async function picture(scene: Scene, width: number, height: number): Promise<string> {
  let text: string[] | undefined;
  const styles: string[] = [];
  for (const { name, color, theme } of colors) {
    const source = cannedSource();
    scene.source?.(source);
    const lab = await openTui({
      source,
      view: scene.view,
      subject: scene.subject,
      width,
      height,
      color,
      theme,
      now: () => cannedNow,
    });
    try {
      await lab.seeing(/serving|warning/);
      await lab.seeing(/^(?![\s\S]*Loading)/);
      lab.session.state.pulse.push(...pulse);
      await scene.prepare?.(lab);
      lab.session.stop();
      const seen = lab.see();
      text ??= seen;
      assert.deepEqual(seen, text, `${name} says the same`);
      styles.push(`── ${name}`, ...lab.screen.styles());
    } finally {
      lab.close();
    }
  }
  return `${[...(text ?? []), ...styles].join("\n")}\n`;
}

const pulse = [12, 14, 13, 18, 22, 20, 17, 15, 16, 21, 25, 28, 24, 19, 18, 17, 20, 23, 26, 24.5];
