/**
 * What a page costs that Mistral reads, which the library's table has no unit for. Pico-dollars, from the model pages of
 * https://docs.mistral.ai/models (github.com/mistralai/platform-docs-public, src/schema/models/models/ocr-*.ts), seen on 27 November
 * 2026: a page that is annotated by a schema costs more. Of one that is no longer served nothing is told.
 */
import type { Rates } from "./price.ts";

const dollar = 1_000_000_000_000;

/** By the table's name of the model. */
const rates: Readonly<Record<string, Pick<Rates, "page" | "annotatedPage">>> = {
  "mistral-ocr-4-1": { page: 0.004 * dollar, annotatedPage: 0.005 * dollar },
  "mistral-ocr-4-0": { page: 0.004 * dollar, annotatedPage: 0.005 * dollar },
  "mistral-ocr-2512": { page: 0.002 * dollar, annotatedPage: 0.003 * dollar },
  "mistral-ocr-2505": { page: 0.001 * dollar, annotatedPage: 0.003 * dollar },
};

/** Names that the same pages give to a model, and the table does not. */
const aliases: Readonly<Record<string, string>> = { "mistral-ocr-latest": "mistral-ocr-4-1" };

/** @param provider the table's name of it: elsewhere its models cost something else */
export function pageRates(provider: string, row: string): Pick<Rates, "page" | "annotatedPage"> {
  return provider === "mistral" && Object.hasOwn(rates, row) ? rates[row]! : {};
}

export function pageModel(provider: string, model: string): string {
  return provider === "mistral" && Object.hasOwn(aliases, model) ? aliases[model]! : model;
}
