/** `holdall thaw`, and what every other command does of it when it starts. */
import { barriersLeft, type HoldallEvent, type Mended, shown, thaw } from "../index.ts";
import { Output } from "./output.ts";
import { type Flags, stateFolder } from "./settings.ts";
import { count } from "./words.ts";

type Result = Extract<HoldallEvent, { event: "thaw" }>;

function sum(all: readonly Mended[]): Result {
  const over = all.filter((m) => !m.busy);
  return {
    event: "thaw",
    barriers: over.length,
    busy: all.length - over.length,
    thawed: over.reduce((n, m) => n + m.thawed, 0),
    undone: over.reduce((n, m) => n + m.undone, 0),
    failed: over.flatMap((m) => m.failed),
  };
}

function text({ barriers, busy, thawed, undone, failed }: Result): string {
  const lines = [
    ...(busy > 0
      ? [`${count(busy, "backup")} under way: its own watchdog continues everything`]
      : []),
    barriers === 0
      ? "nothing was left standing"
      : `${count(thawed, "process", "processes")} continued, ${count(undone, "step")} undone`,
    ...failed.map((why) => `not undone: ${shown(why)}`),
  ];
  return lines.join("\n");
}

/** Sets right what a killed backup left; says so when there was something. */
export async function mendLeft(): Promise<void> {
  const folder = stateFolder();
  if (barriersLeft(folder).length === 0) return;
  const done = sum(await thaw(folder));
  if (done.barriers > 0) process.stderr.write(`holdall: a backup was killed: ${text(done)}\n`);
}

export async function run(flags: Flags & { forget?: boolean }): Promise<number> {
  const done = sum(await thaw(stateFolder(), flags.forget === true));
  new Output(flags.json === true, flags.quiet === true, "run").say(done, text(done));
  return done.failed.length > 0 && flags.forget !== true ? 22 : 0;
}
