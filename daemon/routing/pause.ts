/** Waiting before another attempt. Hides that a client which leaves ends the wait. */

type Leaving = { onGone(listener: (() => void) | undefined): void };

export function pause(client: Leaving, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      client.onGone(undefined);
      resolve();
    };
    const timer = setTimeout(over, waitMs);
    client.onGone(over);
  });
}
