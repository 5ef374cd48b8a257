/**
 * How many requests are under way at once: fewer when the store says that it is too much, and then
 * slowly more again.
 */

export interface Gate {
  /** Runs an act when there is room. */
  run<T>(act: () => Promise<T>, isBusy: (error: unknown) => boolean): Promise<T>;
  readonly width: number;
}

export function openGate(first = 16, widest = 64): Gate {
  let width = first;
  let running = 0;
  let calm = 0;
  /** Counts narrowings: of requests that began before one, the next to be refused says no more. */
  let turn = 0;
  const queue: (() => void)[] = [];
  const next = () => {
    while (running < Math.floor(width) && queue.length > 0) {
      running++;
      queue.shift()?.();
    }
  };
  return {
    get width() {
      return Math.floor(width);
    },
    async run(act, isBusy) {
      await new Promise<void>((resolve) => {
        queue.push(resolve);
        next();
      });
      const began = turn;
      try {
        const result = await act();
        // One more after as many successes as there is room for.
        calm++;
        if (calm >= width) {
          width = Math.min(widest, width + 1);
          calm = 0;
        }
        return result;
      } catch (error) {
        if (isBusy(error) && began === turn) {
          width = Math.max(1, width / 2);
          calm = 0;
          turn++;
        }
        throw error;
      } finally {
        running--;
        next();
      }
    },
  };
}
