/** `holdall prune` */
import { type HoldallEvent, type PruneResult, prune, shown } from "../index.ts";
import { byteCount, share, span } from "./arguments.ts";
import { packSize } from "./pack_size.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";
import { count, size } from "./words.ts";

interface PruneFlags extends Flags {
  maxUnused?: string;
  maxRepack?: string;
  wait?: string;
  fenceAfter?: string;
  packSize?: string;
  dryRun?: boolean;
}

export async function run(flags: PruneFlags): Promise<number> {
  const options = {
    maxUnused: share(flags.maxUnused ?? "10%", "--max-unused"),
    ...(flags.maxRepack === undefined
      ? {}
      : { maxRepack: byteCount(flags.maxRepack, "--max-repack") }),
    wait: span(flags.wait ?? "1m", "--wait"),
    fenceAfter: span(flags.fenceAfter ?? "1d", "--fence-after"),
    ...packSize(flags.packSize),
    dryRun: flags.dryRun ?? false,
  };
  const session = new Session(flags);
  await using repository = await session.open();
  const result = await prune(session.runtime, repository, options);
  session.say(json(result), text(result));
  return result.waiting > 0 ? 3 : 0;
}

function json(r: PruneResult): HoldallEvent {
  const { before, after, packs, snapshots, waiting, hosts, requests, dryRun, plan } = r;
  const { copied, left: unused } = plan;
  const facts = { before, after, packs, snapshots, copied, unused, waiting, hosts, requests };
  return { event: "prune", ...facts, dryRun };
}

function text(r: PruneResult): string {
  const { plan, requests } = r;
  const moved = `${size(plan.copied)} copied, ${size(plan.left)} left unused`;
  if (r.dryRun) {
    return [
      `${count(r.packs, "pack")} and ${count(r.snapshots, "snapshot")} would go: ${size(r.before)} would become about ${size(r.after)}; ${moved}`,
      `about ${requests.puts} puts, ${requests.gets} gets, ${requests.removals} removals`,
    ].join("\n");
  }
  const gone = `${count(r.packs, "pack")} and ${count(r.snapshots, "snapshot")} gone: ${size(r.before)} before, ${size(r.after)} now; ${moved}`;
  if (r.waiting === 0) return gone;
  const who = r.hosts.map(shown).join(", ");
  return `${gone}\n${count(r.waiting, "list")} of packs left to the next prune: backups are at work on ${who}`;
}
