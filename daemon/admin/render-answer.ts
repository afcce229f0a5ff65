/** From an answer as a value to bytes on a response: JSON, lines of JSON, other text, events without end. */
import type { ServerResponse } from "node:http";
import type { AdminResponse } from "./contract/calling.ts";
import { type FaultReporter, renderAdminError } from "./failure.ts";

export function writeAnswer(reporter: FaultReporter, outgoing: ServerResponse, response: AdminResponse): Promise<void> {
  if ("lines" in response)
    return writePieces(
      reporter,
      outgoing,
      response.status,
      "application/x-ndjson",
      response.lines,
      (line) => `${line}\n`,
    );
  if ("text" in response)
    return writePieces(reporter, outgoing, response.status, response.contentType, response.text, (text) => text);
  if ("events" in response)
    return writePieces(reporter, outgoing, response.status, "text/event-stream", response.events, renderEvent);
  if (response.etag !== undefined) outgoing.setHeader("etag", response.etag);
  writeJson(outgoing, response.status, response.body);
  return Promise.resolve();
}

/** JSON text has no line break, so one line of data is enough. */
function renderEvent(text: string): string {
  return `data: ${text}\n\n`;
}

function writeJson(outgoing: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  outgoing.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  outgoing.end(text);
}

/** The status waits for the first piece, so that what cannot even begin is still an error and not an empty answer. */
async function writePieces(
  reporter: FaultReporter,
  outgoing: ServerResponse,
  status: number,
  contentType: string,
  pieces: AsyncIterable<string>,
  render: (piece: string) => string,
): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]();
  // A reader that leaves ends what waits for the next piece.
  outgoing.once("close", () => void iterator.return?.().catch(() => undefined));
  try {
    let next = await iterator.next();
    outgoing.writeHead(status, { "content-type": contentType });
    while (!next.done && !outgoing.destroyed) {
      if (!outgoing.write(render(next.value))) await drained(outgoing);
      next = await iterator.next();
    }
    outgoing.end();
  } catch (error) {
    const rendered = renderAdminError(error, reporter);
    if (outgoing.headersSent) outgoing.destroy();
    else if ("body" in rendered) writeJson(outgoing, rendered.status, rendered.body);
  } finally {
    await iterator.return?.();
  }
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (outgoing.destroyed) return resolve();
    const done = () => {
      outgoing.off("drain", done).off("close", done);
      resolve();
    };
    outgoing.on("drain", done).on("close", done);
  });
}
