/**
 * How many tokens a request may take before anybody has counted them. Hides what a worker has learned from the
 * answers it saw: tokens a byte of request body for each model, and the length of answers for each key and model.
 *
 * Each is a histogram with steps of a fixed ratio, so memory is fixed, an observation is one increment, and a quantile
 * is the upper edge of a step: at most one step (about 9 %) too high, never too low.
 */
import type { Usage } from "../../providers/exchange.ts";

export type InputMode = "learned" | "bytes";

export type Estimator = {
  /** The prompt's tokens, at most. `contextWindow` undefined: not known, so no bound from it. */
  inputBound(bodyBytes: number, model: string, mode: InputMode, contextWindow: number | undefined): number;
  /** The answer's tokens where the request gives no cap: the p95 of this key with this model, or of the model. */
  outputEstimate(model: string, keyId?: number): number;
  /** What a request turned out to take. Unknown counts are not observed. */
  observe(model: string, bodyBytes: number, usage: Usage, keyId?: number): void;
};

/** Tokens, before anything is learned. */
export const outputDefault = 1_024;
/** Models remembered; the least recently used goes. 1.1 KB each. */
export const modelsMax = 256;
/** Pairs of key and model remembered. 0.6 KB each. */
export const keyModelsMax = 1_024;
/** Observations before a histogram is believed. Until then the input is bounded by the bytes. */
export const observationsMin = 32;
/** Beyond this many, the counts of a histogram are halved: what a model does today weighs more. */
const observationsMax = 65_536;

const inputQuantile = 0.999;
const outputQuantile = 0.95;
/** Steps from one power of two to the next. */
const stepsAnOctave = 8;
/** Tokens a byte: 2^-14 (a picture in base64) to 2^2 (a word or two in front of a long hidden prompt). */
const ratioLowest = 2 ** -14;
const ratioSteps = 16 * stepsAnOctave;
/** Tokens of an answer: 1 to 2^20. */
const outputSteps = 20 * stepsAnOctave;

export function openEstimator(): Estimator {
  const models = new Memory<string, Model>(modelsMax);
  const keyModels = new Memory<number, Histogram>(keyModelsMax);
  let modelCount = 0;

  return {
    inputBound(bodyBytes, model, mode, contextWindow) {
      let bound = bodyBytes;
      if (mode === "learned") {
        const ratio = models.get(model)?.input.value;
        if (ratio !== undefined) bound = Math.ceil(bodyBytes * ratio);
      }
      return contextWindow !== undefined && bound > contextWindow ? contextWindow : bound;
    },
    outputEstimate(model, keyId) {
      const known = models.get(model);
      if (known === undefined) return outputDefault;
      const own = keyId === undefined ? undefined : keyModels.get(pairOf(known, keyId))?.value;
      return own ?? known.output.value ?? outputDefault;
    },
    observe(model, bodyBytes, usage, keyId) {
      let known = models.get(model);
      if (known === undefined) {
        known = { number: modelCount++, input: inputHistogram(), output: outputHistogram() };
        models.set(model, known);
      }
      if (counted(usage.input) && bodyBytes > 0) known.input.add(usage.input / bodyBytes);
      if (!counted(usage.output)) return;
      known.output.add(usage.output);
      if (keyId === undefined) return;
      const pair = pairOf(known, keyId);
      let own = keyModels.get(pair);
      if (own === undefined) {
        own = outputHistogram();
        keyModels.set(pair, own);
      }
      own.add(usage.output);
    },
  };
}

type Model = { readonly number: number; readonly input: Histogram; readonly output: Histogram };

/** A number is hashed faster than a joined text. Key ids are row ids, far below 2^31; models are numbered as they come. */
function pairOf(model: Model, keyId: number): number {
  return model.number * 2 ** 31 + keyId;
}

function counted(tokens: number | undefined): tokens is number {
  return tokens !== undefined && Number.isFinite(tokens) && tokens > 0;
}

function inputHistogram(): Histogram {
  return new Histogram(ratioLowest, ratioSteps, inputQuantile, false);
}

function outputHistogram(): Histogram {
  return new Histogram(1, outputSteps, outputQuantile, true);
}

/** Counts by step of size. `value` is its quantile, kept ready because it is read far more often than it moves. */
class Histogram {
  /** Undefined until `observationsMin` were seen. */
  value: number | undefined;
  readonly #counts: Uint32Array;
  readonly #lowest: number;
  readonly #quantile: number;
  readonly #whole: boolean;
  #total = 0;
  /** The step of `value`, and how many observations lie above it. */
  #step = 0;
  #above = 0;

  constructor(lowest: number, steps: number, quantile: number, whole: boolean) {
    this.#counts = new Uint32Array(steps);
    this.#lowest = lowest;
    this.#quantile = quantile;
    this.#whole = whole;
  }

  add(size: number): void {
    const last = this.#counts.length - 1;
    const step = Math.min(last, Math.max(0, Math.ceil(Math.log2(size / this.#lowest) * stepsAnOctave - 1e-9)));
    this.#counts[step] = (this.#counts[step] ?? 0) + 1;
    this.#total += 1;
    if (step > this.#step) this.#above += 1;
    if (this.#total >= observationsMax) this.#halve();
    this.#settle();
  }

  /** Moves the step so that at most the share beyond the quantile lies above it, and no lower step would do. */
  #settle(): void {
    const allowed = this.#total * (1 - this.#quantile);
    const before = this.#step;
    while (this.#above > allowed) {
      this.#step += 1;
      this.#above -= this.#counts[this.#step] ?? 0;
    }
    while (this.#step > 0 && this.#above + (this.#counts[this.#step] ?? 0) <= allowed) {
      this.#above += this.#counts[this.#step] ?? 0;
      this.#step -= 1;
    }
    if (this.#total < observationsMin || (before === this.#step && this.value !== undefined)) return;
    const edge = this.#lowest * 2 ** (this.#step / stepsAnOctave);
    this.value = this.#whole ? Math.ceil(edge) : edge;
  }

  #halve(): void {
    this.#total = 0;
    this.#above = 0;
    for (let step = 0; step < this.#counts.length; step++) {
      const half = (this.#counts[step] ?? 0) >>> 1;
      this.#counts[step] = half;
      this.#total += half;
      if (step > this.#step) this.#above += half;
    }
  }
}

/** A map of bounded size. A read marks its entry, and the oldest entry without a mark makes room: no work on a read. */
class Memory<Key, Value> {
  readonly #entries = new Map<Key, { readonly value: Value; used: boolean }>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: Key): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.used = true;
    return entry.value;
  }

  set(key: Key, value: Value): void {
    if (this.#entries.size >= this.#max) this.#forget();
    this.#entries.set(key, { value, used: false });
  }

  #forget(): void {
    for (const [key, entry] of this.#entries) {
      this.#entries.delete(key);
      if (!entry.used) return;
      entry.used = false;
      this.#entries.set(key, entry); // to the end: the loop meets it again without its mark
    }
  }
}
