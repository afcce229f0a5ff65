/** Our own documents as HTML. Hides a Markdown reader that knows what these documents use, and no more. */

export function renderDocument(markdown: string, title: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>
body{max-width:52rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color:#222;background:#fff}
pre,code{font:14px/1.4 ui-monospace,monospace;background:#f4f4f4;border-radius:3px}
pre{padding:.8rem;overflow-x:auto}code{padding:.1rem .25rem}pre code{padding:0}
table{border-collapse:collapse;display:block;overflow-x:auto}td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left;vertical-align:top}
a{color:#06c}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}pre,code{background:#2a2a2a}td,th{border-color:#444}a{color:#6af}}
</style></head><body>
${renderBlocks(markdown.replaceAll("\r", "").split("\n"))}
</body></html>
`;
}

function renderBlocks(lines: readonly string[]): string {
  const out: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at]!;
    const rest = lines.slice(at);
    const fence = /^( *)```/.exec(line);
    if (line.trim() === "") at += 1;
    else if (fence !== null) {
      const end = rest.findIndex((each, index) => index > 0 && each.trim().startsWith("```"));
      const length = end < 0 ? rest.length : end;
      const code = rest
        .slice(1, length)
        .map((each) => each.slice(Math.min(fence[1]!.length, each.length - each.trimStart().length)));
      out.push(`<pre><code>${escapeHtml(code.join("\n"))}</code></pre>`);
      at += length + 1;
    } else if (/^#{1,6} /.test(line)) {
      const [, marks = "", text = ""] = /^(#+) (.*)/.exec(line) ?? [];
      out.push(`<h${marks.length} id="${slug(text)}">${inline(text)}</h${marks.length}>`);
      at += 1;
    } else if (line.startsWith("|") && /^\|[ :|-]+\|$/.test(rest[1] ?? "")) {
      const length = count(rest, (each) => each.startsWith("|"));
      out.push(renderTable(rest.slice(0, length)));
      at += length;
    } else if (itemOf(line) !== undefined) {
      const length = count(rest, (each, index) =>
        each.trim() === "" ? isInside(rest[index + 1]) : /^\s/.test(each) || itemOf(each) !== undefined,
      );
      out.push(renderList(rest.slice(0, length)));
      at += length;
    } else {
      const length = count(
        rest,
        (each, index) => each.trim() !== "" && (index === 0 || !/^(#{1,6} |```|\||[*-] |\d+\. )/.test(each)),
      );
      out.push(`<p>${inline(rest.slice(0, length).join("\n"))}</p>`);
      at += length;
    }
  }
  return out.join("\n");
}

function renderList(lines: readonly string[]): string {
  const tag = /^\d/.test(lines[0]!) ? "ol" : "ul";
  const items: string[][] = [];
  for (const line of lines) {
    const text = itemOf(line);
    if (text !== undefined) items.push([text]);
    else items.at(-1)?.push(line.replace(/^ {1,4}/, ""));
  }
  const rendered = items.map((item) => {
    const [first = "", ...more] = item;
    const head = count(more, (line) => line.trim() !== "" && !/^(```|\||[*-] )/.test(line));
    return `<li>${inline([first, ...more.slice(0, head)].join("\n"))}${renderBlocks(more.slice(head))}</li>`;
  });
  return `<${tag}>\n${rendered.join("\n")}\n</${tag}>`;
}

function renderTable([head = "", , ...rows]: readonly string[]): string {
  const cells = (line: string, tag: string) =>
    line
      .replace(/^\||\|$/g, "")
      .split(/(?<!\\)\|/)
      .map((cell) => `<${tag}>${inline(cell.trim().replaceAll("\\|", "|"))}</${tag}>`)
      .join("");
  return `<table><tr>${cells(head, "th")}</tr>\n${rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("\n")}</table>`;
}

function inline(text: string): string {
  // Code first: what stands in it is nothing else.
  return text
    .split(/(`+[^`]+`+)/)
    .map((part) => (part.startsWith("`") ? `<code>${escapeHtml(part.replace(/^`+|`+$/g, ""))}</code>` : prose(part)))
    .join("");
}

function prose(text: string): string {
  return escapeHtml(text)
    .replace(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>")
    .replace(
      /\[([^\]]*)\]\(([^)\s]+)\)/g,
      (_, words: string, target: string) => `<a href="${link(target)}">${words}</a>`,
    )
    .replace(/(?<!["=>])(https?:\/\/[^\s<)]+[^\s<).,;])/g, '<a href="$1">$1</a>');
}

/** Documents point to each other's HTML; what is not in a bundle is only named. */
function link(target: string): string {
  if (/^(https?:|#)/.test(target)) return target;
  const [path = "", anchor] = target.split("#");
  const page = path
    .replace(/^(\.\.?\/)*(docs\/)?/, "")
    .replaceAll("/", "-")
    .replace(/\.md$/, ".html")
    .replace(/^README/, "index");
  return anchor === undefined ? page : `${page}#${anchor}`;
}

function itemOf(line: string): string | undefined {
  return /^(?:[*-]|\d+\.) (.*)/.exec(line)?.[1];
}

function isInside(line: string | undefined): boolean {
  return line !== undefined && (/^\s+\S/.test(line) || itemOf(line) !== undefined);
}

function count(lines: readonly string[], holds: (line: string, index: number) => boolean): number {
  const end = lines.findIndex((line, index) => !holds(line, index));
  return end < 0 ? lines.length : end;
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\w -]/g, "")
    .replaceAll(" ", "-");
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
