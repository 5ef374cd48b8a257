/** `holdall check` */
import { check, Failure, shown } from "../index.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";
import { count } from "./words.ts";

function share(read: string | true | undefined): number {
  if (read === undefined) return 0;
  if (read === true) return 1;
  const [, percent] = /^(\d+(?:\.\d+)?)%$/.exec(read) ?? [];
  if (percent === undefined || Number(percent) > 100) {
    throw new Failure("usage", `--read ${read}: give a share such as 10%`);
  }
  return Number(percent) / 100;
}

export async function run(flags: Flags & { read?: string | true }): Promise<number> {
  const session = new Session(flags);
  const read = share(flags.read);
  session.stored = true;
  await using repository = await session.open();
  const result = await check(session.runtime, repository, { read });
  const { snapshots, packs, packsRead, files, chunks, problems } = result;
  const counted = [
    count(snapshots, "snapshot"),
    count(files, "file"),
    `${count(chunks, "chunk")} in ${count(packs, "pack")} (${packsRead} read)`,
  ];
  const found = problems.length === 0 ? "no problems" : count(problems.length, "problem");
  const lines = problems.map((p) => `${shown(p.object)}: ${shown(p.message)}`);
  lines.push(`${found}: ${counted.join(", ")}`);
  session.say({ event: "check", ...result }, lines.join("\n"));
  return problems.length > 0 ? 13 : 0;
}
