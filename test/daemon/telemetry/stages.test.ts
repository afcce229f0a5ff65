import assert from "node:assert/strict";
import { test } from "node:test";
import { stageFamilies, stageText } from "../../../daemon/telemetry/stage-metrics.ts";
import { createStageCells, createStages, stage, stageNames, sumStages } from "../../../daemon/telemetry/stages.ts";
import { readExposition } from "../../support/exposition.ts";

test("stageText() tells the stages of all workers under three gateways' names, each in its unit", () => {
  const cells = [createStageCells(), createStageCells()];
  const [one, other] = cells.map(createStages);
  one!.took(stage.settle, 0.02);
  other!.took(stage.settle, 3);
  other!.took(stage.write, 300_000);
  other!.took(stage.queue, 1_500);
  const stages = sumStages(cells);
  const text = stageFamilies.map((family) => stageText(family, stages)).join("");
  const { value, sum } = readExposition(text);
  const settled = (le: string) => value("bifrost_stage_duration_seconds_bucket", { stage: "settle", le });
  assert.deepEqual(
    [settled("0.00001"), settled("0.000025"), settled("0.0025"), settled("0.005"), settled("+Inf")],
    [0, 1, 1, 2, 2],
  );
  assert.equal(value("bifrost_stage_duration_seconds_count", { stage: "settle" }), 2);
  assert.ok(Math.abs(value("bifrost_stage_duration_seconds_sum", { stage: "settle" })! - 0.00302) < 1e-12);
  const processing = (name: string, more: object = {}) =>
    value(`bifrost_overhead_component_microseconds_${name}`, { overhead_component: "processing", ...more });
  assert.deepEqual([processing("bucket", { le: "5000" }), processing("count")], [2, 3], "settling and writing are one");
  assert.deepEqual(
    [sum("litellm_request_queue_time_seconds_count"), sum("litellm_request_queue_time_seconds_sum")],
    [1, 1.5],
  );
  assert.ok(!text.includes('"first_byte",le') || !/overhead_component="(first_byte|stream)"/.test(text));
});

test("createStages().mark() notes the time since, and returns what it is now", () => {
  const cells = createStageCells();
  const since = performance.now() - 40;
  const now = createStages(cells).mark(stage.read, since);
  const read = sumStages([cells]).find(({ stage: name }) => name === "read")!;
  assert.ok(now >= since + 40);
  assert.equal(read.sumMs, now - since);
  assert.deepEqual(
    sumStages([cells]).map(({ counts }) => counts.reduce((sum, count) => sum + count, 0)),
    stageNames.map((name) => (name === "read" ? 1 : 0)),
  );
});
