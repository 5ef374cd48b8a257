/**
 * Signals that stop the command: the first one in good order, the second at once.
 *
 * Good order has its limit: a read that never ends, such as a silent standard input, is not waited
 * for. Nothing depends on it, since any moment is a safe one to be killed.
 */

const PATIENCE = 3000;
const abort = new AbortController();
let overdue = (): void => process.exit(130);

/** Whether a signal came. */
export const aborted = (): boolean => abort.signal.aborted;

/** What to do when the command does not end after a signal. */
export function whenOverdue(act: () => void): void {
  overdue = act;
}

/** The signal of this process's run; from now on SIGINT, SIGTERM and SIGHUP abort it. */
export function interruptSignal(): AbortSignal {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (aborted()) return overdue();
      abort.abort();
      setTimeout(() => overdue(), PATIENCE).unref();
    });
  }
  return abort.signal;
}
