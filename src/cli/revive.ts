/** `holdall restore --instance`: an instance comes back below another root. */
import {
  Failure,
  findClashes,
  hex,
  planRevival,
  type Revival,
  restore,
  revive,
  shown,
} from "../index.ts";
import { absolute } from "./arguments.ts";
import { type RestoreFlags, restoredText } from "./restored.ts";
import { select } from "./select.ts";
import { Session } from "./session.ts";
import { count } from "./words.ts";

function lines(revival: Revival, dryRun: boolean): string[] {
  const { from, to, units, replaced, remapped, outside, rebuild, started, unstarted } = revival;
  const { compared, uncompared, clashes } = revival;
  return [
    `${count(units.length, "unit")} of ${shown(from)}, to ${shown(to)}`,
    ...replaced.map((path) => `replaced ${shown(path)}: secrets are the snapshot's`),
    ...remapped.map((p) => `remapped ${shown(p.at)}: ${shown(p.from)} -> ${shown(p.to)}`),
    ...outside.map((path) => `outside the instance, left as it is: ${shown(path)}`),
    ...rebuild.map(({ unit, note }) => `not saved, make it again: ${unit}${note && `, ${note}`}`),
    ...clashes.map((what) => `in the way of a start: ${shown(what)}`),
    ...started.map((name) => `started ${name}`),
    ...(dryRun || unstarted.length === 0 ? [] : [`start yourself: ${unstarted.join(" ")}`]),
    ...(compared.length === 0 ? [] : [`as the backup recorded it: ${compared.join(" ")}`]),
    ...(dryRun || uncompared.length === 0
      ? []
      : [`recorded, not compared: ${uncompared.join(" ")}`]),
  ];
}

export async function run(flags: RestoreFlags, what: string): Promise<number> {
  const session = new Session(flags);
  const began = performance.now();
  await using repository = await session.open();
  const { snapshot, path } = await select(session, repository, what, flags);
  if (!path.equals(Buffer.from("/"))) {
    throw new Failure("usage", `${what}: a path of an instance is restored with --to`);
  }
  const dryRun = flags.dryRun ?? false;
  const plan = await planRevival(snapshot, {
    root: absolute(flags.instance ?? "").toString("utf8"),
    ...(flags.owner === undefined ? {} : { owners: flags.owner }),
  });
  const { workers, runtime } = session;
  const where = { path: plan.path, target: plan.target, dryRun, workers };
  const bring = () => restore(runtime, repository, snapshot, where);
  const starting = flags.start !== false;
  const taken = dryRun && starting ? await findClashes(runtime, plan) : [];
  const { restored, revival } = dryRun
    ? { restored: await bring(), revival: { ...plan.revival, clashes: taken } }
    : await revive(runtime, plan, bring, starting);
  const head = restoredText(restored, dryRun, (performance.now() - began) / 1000);
  session.say(
    { event: "restore", snapshot: hex(snapshot.id), ...restored, dryRun, instance: revival },
    [...lines(revival, dryRun), head].join("\n"),
  );
  return restored.troubles > 0 ? 3 : 0;
}
