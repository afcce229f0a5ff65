/** Reads Prometheus' text format strictly, as a scraper would: what it would refuse fails here. */
import assert from "node:assert/strict";

export type Exposition = {
  readonly families: ReadonlyMap<string, { readonly type: string }>;
  /** Of exactly these labels. */
  value(name: string, labels: Readonly<Record<string, string>>): number | undefined;
  /** Over all label sets. */
  sum(name: string): number;
  readonly samples: ReadonlyMap<string, number>;
};

const line = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*?)\})? (-?[0-9.e+-]+|\+Inf|NaN)(?: # \{(.*?)\} [0-9.e+-]+ [0-9.]+)?$/;
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/gy;

export function readExposition(text: string): Exposition {
  assert.ok(text.endsWith("\n"));
  const families = new Map<string, { type: string }>();
  const samples = new Map<string, number>();
  let current = "";
  for (const row of text.split("\n").slice(0, -1)) {
    if (row === "# EOF") continue;
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(row) ?? [];
    if (kind === "TYPE") {
      assert.ok(!families.has(name!), `${name} has two heads`);
      families.set(name!, { type: rest! });
      current = name!;
    }
    if (kind !== undefined) continue;
    const [, sample, labels = "", value] = line.exec(row) ?? assert.fail(`no sample: ${row}`);
    const family = sample!.replace(/_(total|bucket|sum|count)$/, "");
    assert.ok(
      sample === current || family === current || family === current.replace(/_total$/, ""),
      `${sample} under ${current}`,
    );
    const name_ = keyOf(sample!, parseLabels(labels));
    assert.ok(!samples.has(name_), `${row} is there twice`);
    samples.set(name_, Number(value));
  }
  checkHistograms(samples);
  return {
    ...{ families, samples },
    value: (name, labels) => samples.get(keyOf(name, labels)),
    sum: (name) => [...samples].reduce((sum, [key, value]) => (key.split("{")[0] === name ? sum + value : sum), 0),
  };
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  label.lastIndex = 0;
  let at = 0;
  while (at < text.length) {
    const found = label.exec(text) ?? assert.fail(`no label: ${text.slice(at)}`);
    assert.ok(!(found[1]! in labels), `${found[1]} is there twice`);
    labels[found[1]!] = found[2]!;
    at = label.lastIndex;
    if (at < text.length) assert.equal(text[at], ",");
    at += 1;
    label.lastIndex = at;
  }
  return labels;
}

function keyOf(name: string, labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return `${name}{${parts.toSorted().join(",")}}`;
}

/** Buckets never fall, and the last is the count. */
function checkHistograms(samples: ReadonlyMap<string, number>): void {
  const last = new Map<string, number>();
  for (const [key, value] of samples) {
    if (!key.includes("_bucket{")) continue;
    const series = key.replace(/le=[^,}]*,?/, "");
    assert.ok(value >= (last.get(series) ?? 0), `${key} falls`);
    last.set(series, value);
  }
  for (const [series, value] of last) {
    const count = series.replace("_bucket{", "_count{").replace(/,\}$/, "}");
    assert.equal(samples.get(count), value, count);
  }
}
