/** What a worker knows of the writers without asking: words in shared memory. */
import { isHealthy } from "../store/writer-status.ts";

export type Health = {
  /** The last commit of `state.db` went through. */
  readonly stateWritable: boolean;
};

export function openHealth(status: Int32Array): Health {
  return {
    get stateWritable() {
      return isHealthy(status, "state");
    },
  };
}
