/** The other side of a hand-over: this process waits for its turn. Hides the channel, and a predecessor that dies meanwhile. */
import { closeSync } from "node:fs";
import type { Go, Inheritance } from "./hand-over.ts";

export type Inherited = Inheritance & { readonly takeBack: boolean };

/** Takes the variable out of the environment: what this process starts inherits nothing. */
export function readInheritance(environment: NodeJS.ProcessEnv): Inheritance | undefined {
  const text = environment["BIFROST_INHERIT"];
  delete environment["BIFROST_INHERIT"];
  if (text === undefined || process.send === undefined) return undefined;
  return JSON.parse(text) as Inheritance;
}

/** Resolves when the predecessor has closed its files. One that died has done so too. */
export function awaitTurn(inheritance: Inheritance): Promise<Inherited> {
  return new Promise((resolve) => {
    const take = (takeBack: boolean): void => {
      process.off("message", hear).off("disconnect", gone);
      resolve({ ...inheritance, takeBack });
    };
    const hear = (message: Go): void => {
      if (message.go) take(message.takeBack);
    };
    const gone = (): void => take(false);
    process.on("message", hear).once("disconnect", gone);
    process.send?.({ waiting: true });
  });
}

/** Descriptors for another address than the config now says are of no use, and their clients must not wait for nothing. */
export function usableFds(inherited: Inherited | undefined, host: string, port: number): readonly number[] {
  if (inherited === undefined) return [];
  if (inherited.host === host && (port === 0 || inherited.port === port)) return inherited.fds;
  for (const fd of inherited.fds) closeSync(fd);
  return [];
}
