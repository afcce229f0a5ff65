/**
 * YAML text → a value, and back from a path in the value to the place in the text. Hides the YAML library, and what
 * a hostile or half-written file can do to it.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from "yaml";
import type { Finding, Path } from "./problems.ts";
import { redacted } from "./secrets.ts";

/** A finding of the parser itself, placed by offset because there is no value yet to have a path in. */
export type SyntaxFinding = { readonly offset: number; readonly message: string };

export type Source = {
  readonly value: unknown;
  /** Line and column, from 1, of a path; of its nearest ancestor when the path itself is not in the text. */
  place(finding: Pick<Finding, "path" | "atKey">): { readonly line: number; readonly column: number };
  /** The text without the values at these paths, and without these values anywhere. */
  redact(paths: readonly Path[], values: readonly string[]): string;
};

/** A config of a thousand providers is below 300 KB. */
const textLengthMax = 1024 * 1024;
const depthMax = 32;
const aliasesMax = 100;

export function readSource(
  text: string,
):
  | Source
  | { readonly faults: readonly SyntaxFinding[]; readonly at: (offset: number) => { line: number; column: number } } {
  const lines = new LineCounter();
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const fail = (offset: number, message: string) => ({ faults: [{ offset, message }], at });
  if (text.length > textLengthMax) return fail(0, `the file is larger than ${textLengthMax} characters`);
  if (text.includes("\0"))
    return fail(text.indexOf("\0"), "the file holds a zero byte: it is not text, or was cut while being written");
  let document: Document.Parsed;
  try {
    // Plain messages: the pretty ones quote the line, and with it perhaps a secret.
    document = parseDocument(text, {
      prettyErrors: false,
      lineCounter: lines,
      merge: true,
      version: "1.2",
      stringKeys: true,
      logLevel: "error",
    });
    if (document.errors.length > 0) {
      return { faults: document.errors.map(({ pos, message }) => ({ offset: pos[0], message: soften(message) })), at };
    }
    if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
      return fail(0, "the file is empty; write {} for a config that says nothing");
    }
    const tangle = findTangle(document);
    if (tangle !== undefined) return { faults: [tangle], at };
    return {
      value: document.toJS({ maxAliasCount: aliasesMax }),
      place: (finding) => at(offsetOf(document, finding)),
      redact: (paths, values) => redact(text, document, paths, values),
    };
  } catch (error) {
    if (error instanceof RangeError) return fail(0, "the file is nested too deeply");
    if (error instanceof ReferenceError) return fail(0, `anchors are repeated more than ${aliasesMax} times`);
    return fail(0, `the file cannot be read as YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The parser's most frequent messages, in words that help. */
function soften(message: string): string {
  if (message.startsWith("Map keys must be unique")) return "this key stands here twice";
  if (message.startsWith("Source contains multiple documents"))
    return "the file holds several documents (---); a config is one";
  if (/tabs/i.test(message)) return "YAML is indented with spaces, not tabs";
  return message;
}

/** Nesting that is too deep, and an anchor that contains itself: either would send a reader of the value round for ever. */
function findTangle(document: Document.Parsed): SyntaxFinding | undefined {
  let found: SyntaxFinding | undefined;
  visit(document, {
    Node(_key, node, ancestors) {
      const offset = node.range?.[0] ?? 0;
      if (ancestors.filter((ancestor) => isMap(ancestor) || isSeq(ancestor)).length > depthMax)
        found = { offset, message: `nested more than ${depthMax} levels deep` };
      if (isAlias(node)) {
        const target = node.resolve(document);
        if (target === undefined) found = { offset, message: `no anchor is called "${node.source}"` };
        else if (ancestors.includes(target)) found = { offset, message: `the anchor "${node.source}" contains itself` };
      }
      return found === undefined ? undefined : visit.BREAK;
    },
  });
  return found;
}

function offsetOf(document: Document.Parsed, { path, atKey }: Pick<Finding, "path" | "atKey">): number {
  const { key, value } = find(document, path);
  if (atKey && key?.range) return key.range[0];
  return value?.range?.[0] ?? key?.range?.[0] ?? 0;
}

type Found = { readonly key?: Node | undefined; readonly value?: Node | undefined };

/** Walks as far as the text goes; an empty value stands at its key. */
function find(document: Document.Parsed, path: Path): Found {
  let found: Found = { value: document.contents ?? undefined };
  for (const step of path) {
    const within = resolved(document, found.value);
    let next: Found | undefined;
    if (isMap(within)) next = pairOf(document, within.items as Pair<Node, Node | null>[], step);
    else if (isSeq(within) && typeof step === "number") next = { value: within.items[step] as Node | undefined };
    if (next === undefined || (next.key === undefined && next.value === undefined)) {
      return found.key === undefined ? found : { key: found.key, value: found.key };
    }
    found = next;
  }
  return isScalar(found.value) && found.value.value === null && found.key !== undefined
    ? { key: found.key, value: found.key }
    : found;
}

function pairOf(
  document: Document.Parsed,
  items: readonly Pair<Node, Node | null>[],
  step: string | number,
): Found | undefined {
  const name = (key: Node) => (isScalar(key) ? String(key.value) : undefined);
  const own = items.find(({ key }) => name(key) === String(step));
  if (own !== undefined) return { key: own.key, value: own.value ?? undefined };
  for (const { key, value } of items) {
    if (name(key) !== "<<" || value === null) continue;
    const merged = resolved(document, value);
    for (const map of isSeq(merged) ? merged.items.map((item) => resolved(document, item as Node)) : [merged]) {
      const inherited = isMap(map) ? pairOf(document, map.items as Pair<Node, Node | null>[], step) : undefined;
      if (inherited !== undefined) return inherited;
    }
  }
  return undefined;
}

function resolved(document: Document.Parsed, node: Node | undefined): Node | undefined {
  return isAlias(node) ? node.resolve(document) : node;
}

/** Shorter values are left alone outside their own place: `test` occurs in too many honest words. */
const secretLengthMin = 12;
const keyShaped = /\b(?:sk|pk|rk|gsk|xai|pplx|fw|hf|nvapi|csk|AIza)[-_A-Za-z0-9]{20,}/g;

function redact(text: string, document: Document.Parsed, paths: readonly Path[], values: readonly string[]): string {
  const ranges = paths
    .map((path) => resolved(document, find(document, path).value)?.range)
    .filter((range) => range !== undefined && range !== null)
    .sort((a, b) => b[0] - a[0]);
  let clean = text;
  for (const [index, [start, end]] of ranges.entries()) {
    if (ranges[index - 1]?.[0] === start) continue;
    const tail = text.slice(start, end).endsWith("\n") ? "\n" : "";
    clean = clean.slice(0, start) + redacted + tail + clean.slice(end);
  }
  for (const value of values) if (value.length >= secretLengthMin) clean = clean.replaceAll(value, redacted);
  return clean.replace(/(^|\s)#.*$/gm, (comment) => comment.replace(keyShaped, redacted));
}
