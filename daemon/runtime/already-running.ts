/** Someone else holds the home's lock. */
export class AlreadyRunning extends Error {
  readonly code = "already_running";
  readonly pid: number | undefined;

  constructor(pid: number | undefined) {
    super("a daemon already runs for this home");
    this.pid = pid;
  }
}
