/** `holdall check` */
import { check, Failure, shown } from "../index.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";

function share(read: string | true | undefined): number {
  if (read === undefined) return 0;
  if (read === true) return 1;
  const [, percent] = /^(\d+(?:\.\d+)?)%$/.exec(read) ?? [];
  if (percent === undefined || Number(percent) > 100)
    throw new Failure("usage", `${read} is no share such as 10%`);
  return Number(percent) / 100;
}

export async function run(flags: Flags & { read?: string | true }): Promise<number> {
  const session = new Session(flags);
  const read = share(flags.read);
  await using repository = await session.open();
  const result = await check(session.runtime, repository, { read });
  const { snapshots, packs, packsRead, files, chunks, problems } = result;
  const lines = problems.map((p) => `${shown(p.object)}: ${p.message}`);
  lines.push(
    `${snapshots} snapshots, ${files} files, ${chunks} chunks in ${packs} packs (${packsRead} read): ${problems.length} problems`,
  );
  session.say({ event: "check", ...result }, lines.join("\n"));
  return problems.length > 0 ? 13 : 0;
}
