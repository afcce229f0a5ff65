/** How the admin API says no. */

export type ErrorAnswer = {
  readonly error: {
    readonly code: string;
    readonly message: string;
    /** The field at fault: `budgets[0].limit_nano`. */
    readonly param?: string;
    /** For a fault of ours: the id that the daemon's log has too. */
    readonly id?: string;
  };
};
