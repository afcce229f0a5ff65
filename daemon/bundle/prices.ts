/** A price table somebody vouches for: a file with its signature beside it, or a bundle's. Hides which of the two it is. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { importPrices, type PricesImported } from "../config/price-table.ts";
import { BundleProblem } from "./create.ts";
import { type PublicKey, SignatureProblem, verifyBytes } from "./minisign.ts";
import { openBundle } from "./open.ts";

/** Throws `BundleProblem`, with what is in use as it was. */
export function importSignedPrices(file: string, home: string, trusted: readonly PublicKey[]): PricesImported {
  const content = vouchedFor(file, trusted);
  try {
    return importPrices(home, content);
  } catch (error) {
    throw new BundleProblem(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function vouchedFor(file: string, trusted: readonly PublicKey[]): Buffer {
  if (!existsSync(file)) throw new BundleProblem(`there is no file ${file}`);
  if (statSync(file).isDirectory()) throw new BundleProblem(`${file} is a folder`);
  const signature = `${file}.minisig`;
  if (!existsSync(signature)) {
    if (file.endsWith(".json")) throw new BundleProblem(`${file} is not signed: ${signature} is missing`);
    const bundle = openBundle(file, trusted, () => undefined);
    try {
      return bundle.read("prices.json");
    } finally {
      bundle.close();
    }
  }
  const content = readable(file);
  try {
    verifyBytes(content, readable(signature).toString("utf8"), trusted, "anyone");
  } catch (error) {
    if (error instanceof SignatureProblem) throw new BundleProblem(`${file}: ${error.message}`);
    throw error;
  }
  return content;
}

function readable(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new BundleProblem(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
