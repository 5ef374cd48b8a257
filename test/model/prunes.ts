/** Condemning with any fancy at all, and sweeping with copies. */
import {
  CONDEMN_STEPS,
  type Condemn,
  condemnAfter,
  nextOfCondemn,
  startCondemn,
} from "../../src/repo/protocol/condemn.ts";
import type { Rules } from "../../src/repo/protocol/rules.ts";
import {
  nextOfSweep,
  type Sweep,
  startSweep,
  sweepAfter,
  sweepTrusts,
} from "../../src/repo/protocol/sweep.ts";
import {
  type Actor,
  ahead,
  both,
  type Found,
  type Local,
  type Move,
  made,
  minus,
  plain,
  putBulk,
  putting,
  type Reply,
  rowsFor,
  rowsOf,
  type Slips,
  union,
} from "./actor.ts";
import { type Around, SweepAhead, type SweepLocal } from "./sweep-ahead.ts";

export interface CondemnLocal extends Local {
  readonly c: Condemn;
}

/** Every choice of packs is tried: garbage, half-used packs, packs that are needed whole. */
function choices(packs: readonly string[]): string[][] {
  const all = [...Array(2 ** packs.length).keys()];
  return all.map((bits) => packs.filter((_, i) => bits & (1 << i)));
}

export function condemnActor(name: string): Actor<CondemnLocal> {
  return {
    start: { c: startCondemn(name) },
    move({ c }) {
      const action = nextOfCondemn(c);
      if (action.do === "put") return putting(action.record);
      return action.do === "work" ? { do: "stop", outcome: "" } : action;
    },
    answer({ c }, reply) {
      const next = condemnAfter(c, plain(reply));
      if (nextOfCondemn(next).do !== "work") return [{ c: next }];
      return choices(next.packs).map((chosen) => ({
        c: condemnAfter(next, { did: "work", chosen }),
      }));
    },
    restart: () => [],
    ahead: {
      ...ahead(
        [made({ type: "condemned", name, packs: [], marked: [], tombstones: [] })],
        ({ c }) => {
          const steps = nextOfCondemn(c).do === "stop" ? [] : CONDEMN_STEPS.slice(c.step);
          const heeds = steps.filter((step) => step !== "choose" && step !== "put");
          return { alters: steps.length > 0 ? ["condemned"] : [], heeds };
        },
      ),
      alters: ({ c }, r) =>
        r.type === "condemned" && r.name === name && nextOfCondemn(c).do !== "stop",
      mentions: ({ c }, r) =>
        (r.type === "pack" && c.condemned.includes(r.name)) ||
        (r.type === "snapshot" && c.forgotten.includes(r.name)),
      without: ({ c }, gone) => {
        const still = (names: readonly string[]) =>
          names.filter((n) => !gone.some((r) => "name" in r && r.name === n));
        return { c: { ...c, condemned: still(c.condemned), forgotten: still(c.forgotten) } };
      },
      forget: (l) =>
        nextOfCondemn(l.c).do === "stop"
          ? { c: { ...startCondemn(name), step: CONDEMN_STEPS.length } }
          : l,
    },
  };
}

/**
 * Puts a list of any packs there are, honouring any of the tombstones there are, in one step; a
 * greedy one names all packs and honours all tombstones.
 */
export function anyListActor(
  name: string,
  forgotten: readonly string[],
  greedy = false,
): Actor<CondemnLocal> {
  const whole = condemnActor(name);
  const start = startCondemn(name);
  const listing = { ...start, step: CONDEMN_STEPS.indexOf("pack") };
  return {
    ...whole,
    start: { c: listing },
    answer: (l, reply) =>
      reply.did === "list"
        ? choices(forgotten)
            .flatMap((some) => whole.answer({ c: { ...l.c, forgotten: some } }, reply))
            .slice(greedy ? -1 : 0)
        : whole.answer(l, reply),
    atOnce: true,
  };
}

export function sweepActor(
  id: string,
  list: string,
  around: Around,
  rules: Rules,
  slips: Slips,
): Actor<SweepLocal> {
  const start: SweepLocal = {
    s: null,
    lacking: "",
    copies: "",
    kept: "",
    byIndex: [],
    stored: "nothing",
  };
  const ahead = new SweepAhead(id, list, around, rules, slips, start, (l, reply) =>
    answer(l, reply),
  );
  const refs = (snapshot: string) => ahead.refs(snapshot);

  function move(l: SweepLocal): Move {
    if (l.s === null) return { do: "await", name: list };
    if (l.lost) return { do: "stop", outcome: "lost" };
    const action = nextOfSweep(l.s, rules);
    if (action.do === "put") return putting(action.record);
    if (action.do !== "work") return action;
    if (l.stored === "nothing") return putBulk("pack", `${id}p`, l.copies);
    return putBulk("index", `${id}r`, rowsFor(l.copies, `${id}p`));
  }

  /** The copy's two puts are skipped when nothing has to be copied. */
  function onward(l: SweepLocal): SweepLocal {
    if (l.s === null || nextOfSweep(l.s, rules).do !== "work" || l.copies !== "") return l;
    return { ...l, lacking: "", s: sweepAfter(l.s, { did: "work", chosen: [] }, rules) };
  }

  function weigh(l: SweepLocal, s: Sweep, found: readonly Found[]): SweepLocal {
    const rows = rowsOf(found).map((r) => r.split("@") as [string, string]);
    const safe = rows.filter(([, p]) => sweepTrusts(s, p, rules)).map(([c]) => c);
    const needed = union(...s.counted.map(refs));
    const there = rows.filter(([, p]) => s.packs.includes(p)).map(([c]) => c);
    const lost = !slips.goOnWhenLost && minus(needed, there.join("")) !== "";
    const own = rows.filter(([, p]) => s.list.packs.includes(p)).map((r) => r.join("@"));
    const lacking = minus(needed, safe.join("") + l.kept);
    const byIndex = slips.contentsByIndex ? own : [];
    return { ...l, lacking, kept: "", byIndex, ...(lost && { lost }) };
  }

  /** What one of the list's packs holds, and what of it must be copied first. */
  function taken(l: SweepLocal, pack: string, content: string): SweepLocal {
    const rows = l.byIndex.filter((r) => r.endsWith(`@${pack}`)).map((r) => r.slice(0, 1));
    const holds = slips.contentsByIndex ? rows.join("") : content;
    const need = both(holds, l.lacking);
    if (!slips.pardon || need === "" || l.s === null)
      return { ...l, copies: union(l.copies, need) };
    // The slip: the pack is spared, and leaves the list.
    const packs = l.s.list.packs.filter((p) => p !== pack);
    return { ...l, s: { ...l.s, list: { ...l.s.list, packs } } };
  }

  function answer(l: SweepLocal, reply: Reply): SweepLocal[] {
    const done = move(l);
    if (reply.did === "await") {
      return reply.record.type === "condemned" ? [{ ...l, s: startSweep(id, reply.record) }] : [];
    }
    if (l.s === null) return [];
    let now = l;
    if (done.do === "put" && done.kind === "pack") return [{ ...l, stored: "pack" }];
    if (done.do === "put" && done.kind === "index") now = { ...l, copies: "", stored: "nothing" };
    if (done.do === "list" && reply.did === "list") {
      if (done.kind === "index") now = weigh(l, l.s, reply.found);
      if (done.kind === "pack" && slips.unindexedKeepers) {
        const { condemned } = l.s;
        const kept = reply.found.filter((f) => "name" in f && !condemned.includes(f.name));
        now = { ...l, kept: union(...kept.map((f) => f.content ?? "")) };
      }
    }
    if (done.do === "read" && reply.did === "read" && reply.content !== null) {
      now = taken(l, done.pack, reply.content);
    }
    if (now.s === null) return [];
    const s = now.lost ? now.s : sweepAfter(now.s, plain(reply), rules);
    return [onward({ ...now, s })];
  }
  return { start, move, answer, restart: () => [], ahead };
}
