import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  keyModelsMax,
  modelsMax,
  observationsMin,
  openEstimator,
  outputDefault,
} from "../../../daemon/governance/estimate.ts";

/** One step of the histograms. */
const step = 2 ** (1 / 8);

test("inputBound() is the byte length until enough was seen, and with `bytes` always", () => {
  const estimator = openEstimator();
  for (let index = 0; index < observationsMin - 1; index++) estimator.observe("m", 1000, { input: 250 });
  assert.equal(estimator.inputBound(1000, "m", "learned", undefined), 1000);
  estimator.observe("m", 1000, { input: 250 });
  assert.equal(estimator.inputBound(1000, "m", "learned", undefined), 250);
  assert.equal(estimator.inputBound(1000, "m", "bytes", undefined), 1000);
  assert.equal(estimator.inputBound(1000, "other", "learned", undefined), 1000);
});

test("inputBound() is at most the context window", () => {
  const estimator = openEstimator();
  assert.equal(estimator.inputBound(1_000_000, "m", "bytes", 128_000), 128_000);
  assert.equal(estimator.inputBound(1_000, "m", "bytes", 128_000), 1_000);
});

test("inputBound() covers 999 of 1,000 and ignores the rarest", () => {
  const estimator = openEstimator();
  for (let round = 0; round < 10; round++) {
    for (let index = 0; index < 1_990; index++) estimator.observe("m", 4_000, { input: 1_000 });
    for (let index = 0; index < 10; index++) estimator.observe("m", 4_000, { input: 2_000 });
  }
  assert.equal(estimator.inputBound(4_000, "m", "learned", undefined), 2_000);
  const rare = openEstimator();
  for (let index = 0; index < 1_999; index++) rare.observe("m", 4_000, { input: 1_000 });
  rare.observe("m", 4_000, { input: 2_000 });
  assert.equal(rare.inputBound(4_000, "m", "learned", undefined), 1_000);
});

test("inputBound() is never below the true quantile and at most a step above it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: observationsMin, maxLength: 400 }),
      (inputs) => {
        const estimator = openEstimator();
        for (const input of inputs) estimator.observe("m", 2_000, { input });
        const most = Math.max(...inputs); // fewer than a thousand: the quantile is the largest
        const bound = estimator.inputBound(2_000, "m", "learned", undefined);
        assert.ok(bound >= most && bound <= Math.ceil(most * step), `${bound} for ${most}`);
      },
    ),
  );
});

test("outputEstimate() is the default, then the model's p95, then the key's own", () => {
  const estimator = openEstimator();
  assert.equal(estimator.outputEstimate("m", 7), outputDefault);
  for (let index = 0; index < 95; index++) estimator.observe("m", 100, { output: 64 }, 1);
  for (let index = 0; index < 5; index++) estimator.observe("m", 100, { output: 4_096 }, 1);
  assert.equal(estimator.outputEstimate("m"), 64);
  assert.equal(estimator.outputEstimate("m", 7), 64);
  for (let index = 0; index < observationsMin; index++) estimator.observe("m", 100, { output: 8 }, 7);
  assert.equal(estimator.outputEstimate("m", 7), 8);
  assert.equal(estimator.outputEstimate("m", 1), 64);
});

test("observe() passes over what is unknown or broken", () => {
  const estimator = openEstimator();
  for (let index = 0; index < 100; index++) {
    estimator.observe("m", 100, {});
    estimator.observe("m", 0, { input: 10 });
    estimator.observe("m", 100, { input: Number.NaN, output: -1 });
    estimator.observe("m", 100, { input: 0, output: 0 });
  }
  assert.equal(estimator.inputBound(100, "m", "learned", undefined), 100);
  assert.equal(estimator.outputEstimate("m"), outputDefault);
});

test("observe() lets a model that has changed be learned anew", () => {
  const estimator = openEstimator();
  for (let index = 0; index < 60_000; index++) estimator.observe("m", 100, { output: 4_096 });
  for (let index = 0; index < 1_000_000; index++) estimator.observe("m", 100, { output: 16 });
  assert.equal(estimator.outputEstimate("m"), 16);
});

test("observe() keeps what is rare when it halves its counts", () => {
  const estimator = openEstimator();
  for (let index = 0; index < 65_536; index++) estimator.observe("m", 100, { output: index % 25 === 0 ? 4_096 : 16 });
  assert.equal(estimator.outputEstimate("m"), 16); // 4 % are long
  for (let index = 0; index < 1_000; index++) estimator.observe("m", 100, { output: 4_096 });
  assert.equal(estimator.outputEstimate("m"), 4_096); // 7 % of the halved counts are
});

test("observe() remembers a bounded number of models and keys, and those in use longest", () => {
  const estimator = openEstimator();
  for (let index = 0; index < observationsMin; index++) estimator.observe("used", 1000, { input: 250, output: 32 }, 1);
  for (let index = 0; index < modelsMax * 8; index++) {
    estimator.observe(`passing-${index}`, 1000, { input: 250, output: 32 }, index);
    if (index % 50 === 0) estimator.inputBound(1000, "used", "learned", undefined);
  }
  assert.equal(estimator.inputBound(1000, "used", "learned", undefined), 250);
  for (let key = 0; key < keyModelsMax * 2; key++) estimator.observe("used", 1000, { output: 32 }, key);
  assert.equal(estimator.outputEstimate("used", 0), 32);
});
