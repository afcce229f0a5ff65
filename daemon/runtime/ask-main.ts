/** A worker's questions to the main thread, one kind each, and their answers. Hides numbering and that none may come. */
import { GatewayError } from "../../providers/gateway-error.ts";

/** Sums over a long time take as long as this at most. */
const answerMsMax = 30_000;
/** More of a kind at once are refused: what only the main thread can answer is no data plane. */
const waitingMax = 64;

export type Asker<Question, Answer> = {
  readonly ask: (question: Question) => Promise<Answer>;
  answered(id: number, answer: Answer): void;
};

/** @param what the questions, in words: "admin requests" */
export function createAsker<Question, Answer>(
  what: string,
  post: (id: number, question: Question) => void,
): Asker<Question, Answer> {
  let lastId = 0;
  const waiting = new Map<number, (answer: Answer) => void>();

  function ask(question: Question): Promise<Answer> {
    if (waiting.size >= waitingMax)
      throw new GatewayError("overloaded", `more than ${waitingMax} ${what} at once`, { source: "gateway" });
    lastId += 1;
    const id = lastId;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        waiting.delete(id);
        reject(new GatewayError("overloaded", `${what} are not answered in time`, { source: "gateway" }));
      }, answerMsMax);
      waiting.set(id, (answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      post(id, question);
    });
  }

  return {
    ask,
    answered(id, answer) {
      const take = waiting.get(id);
      waiting.delete(id);
      take?.(answer);
    },
  };
}
