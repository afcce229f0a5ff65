/**
 * Gives the fields of a multipart form other names while it goes by. Hides boundaries and headers that are cut anywhere;
 * the form has been looked at before (`watchForm`), which refuses what two parsers would read differently.
 */

/** Bytes in, bytes out; some are kept back until more is known, and `end` gives the last of them. */
export type FieldNamer = { push(chunk: Buffer): Buffer; end(): Buffer };

const headEnd = Buffer.from("\r\n\r\n", "latin1");

/** @param name what a field shall be called */
export function nameFields(boundary: string, name: (field: string) => string): FieldNamer {
  const delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  let isHead = false;
  /** A form may begin with its delimiter, without the line break before it. */
  let isFirst = true;
  let rest: Buffer = Buffer.alloc(0);

  function push(chunk: Buffer): Buffer {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const ready: Buffer[] = [];
    while (step(ready)) {
      // until more bytes are needed
    }
    return ready.length === 1 ? ready[0]! : Buffer.concat(ready);
  }

  function step(ready: Buffer[]): boolean {
    if (isHead) {
      const end = rest.indexOf(headEnd);
      if (end < 0) return false;
      ready.push(renamed(rest.subarray(0, end), name), rest.subarray(end, end + 2));
      // The blank line's break may be that of the next delimiter, where the value is empty.
      rest = rest.subarray(end + 2);
      isHead = false;
      return true;
    }
    const start =
      isFirst && rest.subarray(0, delimiter.length - 2).equals(delimiter.subarray(2)) ? -2 : rest.indexOf(delimiter);
    if (isFirst && rest.length < delimiter.length) return false;
    if (start === -1) {
      isFirst = false;
      const sure = Math.max(0, rest.length - delimiter.length + 1);
      if (sure > 0) ready.push(rest.subarray(0, sure));
      rest = rest.subarray(sure);
      return false;
    }
    isFirst = false;
    const after = start + delimiter.length;
    ready.push(rest.subarray(0, after));
    rest = rest.subarray(after);
    isHead = true;
    return true;
  }

  return { push, end: () => rest };
}

function renamed(head: Buffer, name: (field: string) => string): Buffer {
  const text = head.toString("latin1");
  const changed = text.replace(
    /^(content-disposition\s*:.*?;\s*name\s*=\s*)(?:"([^"\\]*)"|([^\s;"]+))/im,
    (whole, before: string, quoted: string | undefined, bare: string | undefined) => {
      const field = quoted ?? bare ?? "";
      const other = name(field);
      return other === field ? whole : `${before}"${other}"`;
    },
  );
  return changed === text ? head : Buffer.from(changed, "latin1");
}
