/**
 * Watches a multipart form go by (RFC 7578) for the few fields that decide, without keeping the rest. Hides boundaries,
 * which may be cut anywhere. A field that decides and comes twice is refused, as in JSON: policy and provider must read
 * the same value.
 */
import { GatewayError } from "../../providers/gateway-error.ts";

/** Headers of one part. */
const partHeadBytesMax = 16 * 1024;
const partsMax = 1_024;
/** A deciding field's value. */
const valueBytesMax = 512;
/** RFC 2046 §5.1.1. */
const boundaryCharactersMax = 70;

/** A deciding field, with its place in the whole form. */
export type FormField = { readonly name: string; readonly value: string; readonly start: number; readonly end: number };

export type FormWatch = {
  /** Throws `invalid_request` for what is no form, or not one that two parsers read alike. */
  push(chunk: Buffer): void;
  /** Found so far. */
  readonly fields: ReadonlyMap<string, FormField>;
  /** The last boundary has gone by. */
  finished(): boolean;
};

/** Undefined: not a form. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/^multipart\/form-data\s*;/i.test(contentType)) return undefined;
  const found = /;\s*boundary=(?:"([^"\\]*)"|([^\s;"]+))/i.exec(contentType);
  const boundary = found?.[1] ?? found?.[2];
  if (boundary === undefined || boundary === "" || boundary.length > boundaryCharactersMax) return undefined;
  return /^[\x20-\x7e]+$/.test(boundary) && !boundary.endsWith(" ") ? boundary : undefined;
}

/** @param onFile gets the bytes of each file as they go by; nothing: one ends */
export function watchForm(
  boundary: string,
  names: ReadonlySet<string>,
  onFile?: (bytes: Buffer | undefined) => void,
): FormWatch {
  const delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  const fields = new Map<string, FormField>();
  // The first delimiter may stand at the very beginning, without its line break.
  let rest: Buffer = Buffer.from("\r\n", "latin1");
  /** Where `rest` begins in the form. */
  let at = -2;
  let state: "preamble" | "delimiter" | "head" | "body" | "end" = "preamble";
  let parts = 0;
  let field: string | undefined;
  let fieldStart = 0;
  let isFile = false;

  function push(chunk: Buffer): void {
    if (state === "end") return;
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (step()) {
      // until more bytes are needed
    }
  }

  function step(): boolean {
    switch (state) {
      case "preamble":
      case "body":
        return skipToDelimiter();
      case "delimiter":
        return readDelimiterEnd();
      case "head":
        return readHead();
      case "end":
        return false;
    }
  }

  function skipToDelimiter(): boolean {
    const found = rest.indexOf(delimiter);
    if (found >= 0) {
      if (field !== undefined) keep(field, rest.subarray(fieldStart - at, found));
      if (isFile) {
        onFile!(rest.subarray(Math.max(0, fieldStart - at), found));
        onFile!(undefined);
        isFile = false;
      }
      drop(found + delimiter.length);
      state = "delimiter";
      return true;
    }
    if (field !== undefined) {
      if (rest.length - (fieldStart - at) > valueBytesMax + delimiter.length) throw wrong(field, "is too long");
      return false; // a value is kept whole
    }
    if (state === "preamble" && at + rest.length > partHeadBytesMax) throw malformed("no part begins");
    const known = Math.max(0, rest.length - delimiter.length + 1);
    if (isFile && known > fieldStart - at) onFile!(rest.subarray(Math.max(0, fieldStart - at), known));
    drop(known);
    return false;
  }

  function readDelimiterEnd(): boolean {
    let end = 0;
    while (end < rest.length && (rest[end] === 0x20 || rest[end] === 0x09)) end++; // transport padding
    if (rest.length < end + 2) return false;
    if (end === 0 && rest[0] === 0x2d && rest[1] === 0x2d) {
      state = "end";
      rest = Buffer.alloc(0);
      return false;
    }
    if (rest[end] !== 0x0d || rest[end + 1] !== 0x0a) throw malformed("a boundary does not end its line");
    if (++parts > partsMax) throw malformed(`it has more than ${partsMax} parts`);
    // The line break stays: a part without headers begins with a blank line at once.
    drop(end);
    state = "head";
    return true;
  }

  function readHead(): boolean {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) {
      if (rest.length > partHeadBytesMax) throw malformed("the headers of a part are too long");
      return false;
    }
    const head = rest.toString("latin1", 0, end);
    const name = partName(head);
    isFile = onFile !== undefined && /;\s*filename/i.test(head);
    drop(end + 4);
    state = "body";
    field = name !== undefined && names.has(name) ? name : undefined;
    fieldStart = at;
    // The delimiter's line break may be the one that ends the head: an empty value.
    rest = Buffer.concat([lineBreak, rest]);
    at -= 2;
    if (field !== undefined && fields.has(field)) throw wrong(field, "is given twice");
    return true;
  }

  function keep(name: string, value: Buffer): void {
    field = undefined;
    if (value.length > valueBytesMax) throw wrong(name, "is too long");
    fields.set(name, { name, value: value.toString("utf8"), start: fieldStart, end: fieldStart + value.length });
  }

  function drop(bytes: number): void {
    rest = rest.subarray(bytes);
    at += bytes;
  }

  return {
    push,
    fields,
    finished() {
      return state === "end";
    },
  };
}

const lineBreak = Buffer.from("\r\n", "latin1");

/** Every parser reads the same name out of these headers, or there is none. */
function partName(head: string): string | undefined {
  let name: string | undefined;
  let seen = false;
  for (const line of head.split("\r\n")) {
    if (!/^content-disposition\s*:/i.test(line)) continue;
    if (seen) throw malformed("a part is named twice");
    seen = true;
    const names = [...line.matchAll(/;\s*name\s*=\s*(?:"([^"\\]*)"|([^\s;"]+))/gi)];
    if (names.length > 1) throw malformed("a part is named twice");
    name = names[0]?.[1] ?? names[0]?.[2];
    if (/;\s*name\*\s*=/i.test(line) || (names.length === 0 && /name\s*=/i.test(line.replace(/filename/gi, ""))))
      throw malformed("a part's name is written in a way that is read differently");
  }
  return name;
}

function malformed(what: string): GatewayError {
  return new GatewayError("invalid_request", `the form is not valid multipart/form-data: ${what}`, {
    source: "client",
  });
}

function wrong(param: string, what: string): GatewayError {
  return new GatewayError("invalid_request", `\`${param}\` ${what}`, { source: "client", param });
}
