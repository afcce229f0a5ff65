/** A screen as tmux captured it, as an SVG. Hides escape sequences; nothing is drawn that was not on the screen. */

type Style = { readonly color: string; readonly ground: string | undefined; readonly bold: boolean };

const cell = { width: 8.4, height: 18 };
const margin = 12;
const dark = { ground: "#161a23", text: "#d6dae3" };
/** The sixteen, as most dark themes have them. */
const sixteen = ["#1c1f26", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf"];
const brightGrey = "#80889a";

/** `lines` as `tmux capture-pane -e -p` prints them. */
export function renderSvg(lines: readonly string[], columns: number, title: string): string {
  const width = Math.ceil(columns * cell.width + 2 * margin);
  const height = lines.length * cell.height + 2 * margin;
  // A line goes on in the style in which the one before ended.
  let codes: readonly number[] = [];
  const rows = lines
    .map((line, row) => {
      const [drawn, after] = renderRow(line, row, codes);
      codes = after;
      return drawn;
    })
    .join("\n");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" rx="8" fill="${dark.ground}"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" xml:space="preserve">
${rows}
</g>
</svg>
`;
}

function renderRow(line: string, row: number, before: readonly number[]): readonly [string, readonly number[]] {
  const y = margin + row * cell.height;
  let column = 0;
  const parts: string[] = [];
  let codes = before;
  for (const { text, style, after } of runs(line, before)) {
    codes = after;
    if (text === "") continue;
    const x = round(margin + column * cell.width);
    const length = round([...text].length * cell.width);
    if (style.ground !== undefined)
      parts.push(`<rect x="${x}" y="${y}" width="${length}" height="${cell.height}" fill="${style.ground}"/>`);
    if (text.trim() !== "")
      parts.push(
        `<text x="${x}" y="${y + 13}" fill="${style.color}"${style.bold ? ' font-weight="bold"' : ""} textLength="${length}" lengthAdjust="spacingAndGlyphs">${escaped(text)}</text>`,
      );
    column += [...text].length;
  }
  return [parts.join(""), codes];
}

type Run = { readonly text: string; readonly style: Style; readonly after: readonly number[] };

function* runs(line: string, before: readonly number[]): Iterable<Run> {
  let codes = before;
  for (const part of line.split("\u001b[")) {
    const [, parameters, text] = /^([0-9;]*)m([\s\S]*)$/.exec(part) ?? [undefined, undefined, part];
    if (parameters !== undefined) codes = next(codes, parameters.split(";").map(Number));
    yield { text: text ?? "", style: styleOf(codes), after: codes };
  }
}

/** What holds after another sequence: a reset takes away all, a colour the one before. */
function next(before: readonly number[], given: readonly number[]): readonly number[] {
  const reset = given.lastIndexOf(0);
  const isColor = given[0] === 38 || given[0] === 48;
  return reset === -1 || isColor ? [...before, ...given] : given.slice(reset + 1);
}

function styleOf(codes: readonly number[]): Style {
  let color: string | undefined;
  let ground: string | undefined;
  let bold = false;
  let reverse = false;
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at]!;
    if (code === 1) bold = true;
    else if (code === 7) reverse = true;
    else if (code === 39) color = undefined;
    else if (code === 49) ground = undefined;
    else if (code >= 30 && code < 38) color = sixteen[code - 30];
    else if (code === 90) color = brightGrey;
    else if ((code === 38 || code === 48) && codes[at + 1] === 2) {
      const rgb = `#${codes
        .slice(at + 2, at + 5)
        .map((value) => value.toString(16).padStart(2, "0"))
        .join("")}`;
      if (code === 38) color = rgb;
      else ground = rgb;
      at += 4;
    }
  }
  const shown = color ?? dark.text;
  return reverse ? { color: ground ?? dark.ground, ground: shown, bold } : { color: shown, ground, bold };
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function round(value: number): number {
  return Number(value.toFixed(2));
}
