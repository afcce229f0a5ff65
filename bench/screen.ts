/**
 * What the screen costs: CPU of one core, frames and bytes a second, and whether memory grows, at 60 rows a second and
 * at 5,000. Daemon and terminal are values, so that nothing else is measured. `npm run bench:screen`.
 */

import { pinned } from "../cli/text.ts";
import { createPalette } from "../cli/tui/draw/palette.ts";
import { createPainter } from "../cli/tui/painter.ts";
import { pace } from "../cli/tui/run-tui.ts";
import { createSession } from "../cli/tui/session.ts";
import { createScreen } from "../cli/tui/terminal/screen.ts";
import { logRows } from "../test/cli/tui/canned-requests.ts";
import { cannedSource } from "../test/cli/tui/canned-source.ts";

const seconds = 10;
const warmSeconds = 3;
const batchesASecond = 20;
/** What the feed sends at most, whatever goes by (`tail.ts` asks for it). */
const sentMax = 200;

console.log("size     rows/s  CPU of a core  frames/s  KB/s  heap growth");
for (const [width, height] of [
  [80, 24],
  [200, 60],
] as const)
  for (const rate of [0, 60, 5_000]) console.log(await measure(width, height, rate));
process.exit(0);

async function measure(width: number, height: number, rate: number): Promise<string> {
  const source = cannedSource();
  let bytes = 0;
  let frames = 0;
  const screen = createScreen(
    {
      write: (text) => {
        bytes += Buffer.byteLength(text);
      },
      backlog: 0,
    },
    { mouse: true, multiplexer: undefined },
  );
  const session = createSession({
    source,
    clock: { now: Date.now },
    readOnly: false,
    remote: undefined,
    start: { view: "traffic" },
    onChange: () => frame.soon(),
    onQuit: () => undefined,
    copy: () => undefined,
    save: async (name) => name,
  });
  const painter = createPainter({
    session,
    palette: createPalette("true", "dark"),
    size: () => ({ width, height }),
    paint: (lines) => screen.paint(lines, pinned),
  });
  const frame = pace(() => {
    frames += 1;
    painter.draw();
  });
  screen.enter();
  await painter.ready;
  session.start();
  let made = 0;
  const sent = Math.min(rate, sentMax);
  const timer = setInterval(() => {
    const count = Math.ceil(sent / batchesASecond);
    const rows = Array.from({ length: count }, () => ({
      ...logRows[made % logRows.length]!,
      id: `req_${made++}`,
      at: Date.now(),
    }));
    if (count > 0) source.tell({ type: "rows", rows });
    if (rate > sent && made % sentMax < count)
      source.tell({
        type: "beat",
        at_ms: 0,
        in_flight: 9,
        ended: rate * 5,
        matched: rate * 5,
        dropped: (rate - sent) * 5,
      });
  }, 1_000 / batchesASecond);
  await pause(warmSeconds * 1_000);
  globalThis.gc?.();
  const before = { cpu: process.cpuUsage(), heap: process.memoryUsage().heapUsed, frames, bytes };
  await pause(seconds * 1_000);
  const { user, system } = process.cpuUsage(before.cpu);
  globalThis.gc?.();
  const grown = (process.memoryUsage().heapUsed - before.heap) / 1e6;
  clearInterval(timer);
  session.stop();
  frame.stop();
  painter.close();
  return [
    `${width}×${height}`.padEnd(8),
    String(rate).padStart(6),
    `${((user + system) / 1e4 / seconds).toFixed(1)} %`.padStart(14),
    ((frames - before.frames) / seconds).toFixed(1).padStart(9),
    ((bytes - before.bytes) / 1_000 / seconds).toFixed(0).padStart(5),
    `${grown.toFixed(1)} MB`.padStart(12),
  ].join(" ");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
