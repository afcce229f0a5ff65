/**
 * The answer of a long work in lines that tell how far it is, for whoever asks for them: any number of `{"done","total"}`,
 * then `{"answer"}` or `{"error"}`. Hides that a reader who is slow gets the newest of them alone.
 */
import type { AdminResponse } from "./contract/calling.ts";
import type { Tell } from "./route.ts";

type Outcome = { readonly response: AdminResponse } | { readonly error: unknown };

const lines = "application/x-ndjson";

export function asksForLines(accept: string | undefined): boolean {
  return accept?.split(",").some((type) => type.split(";")[0]!.trim().toLowerCase() === lines) ?? false;
}

/** What fails before anything was told is thrown, as of any other route. The work goes on when nobody reads any more. */
export async function answerTold(
  work: (tell: Tell) => Promise<AdminResponse>,
  renderError: (error: unknown) => { readonly body: unknown },
): Promise<AdminResponse> {
  let latest: string | undefined;
  let outcome: Outcome | undefined;
  let wake: () => void = () => undefined;
  const something = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  const ended = (how: Outcome): void => {
    outcome = how;
    wake();
  };
  const first = something();
  work((done, total) => {
    latest = JSON.stringify({ done, total });
    wake();
  }).then(
    (response) => ended({ response }),
    (error) => ended({ error }),
  );
  await first;
  if (latest === undefined && outcome !== undefined && "error" in outcome) throw outcome.error;

  async function* told(): AsyncIterable<string> {
    for (;;) {
      if (latest !== undefined) {
        const line = latest;
        latest = undefined;
        yield line;
      } else if (outcome !== undefined) {
        yield JSON.stringify(lastOf(outcome, renderError));
        return;
      } else await something();
    }
  }
  return { status: 200, lines: told() };
}

function lastOf(outcome: Outcome, renderError: (error: unknown) => { readonly body: unknown }): unknown {
  if ("error" in outcome) return renderError(outcome.error).body;
  return "body" in outcome.response ? { answer: outcome.response.body } : {};
}
