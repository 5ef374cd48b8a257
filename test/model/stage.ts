/**
 * A scene is a small repository and the processes that meet in it; here it is set up.
 *
 * Every scene begins with snapshot s0, whose chunks lie in pack p0 under run r0.
 */
import type { Kept, Stored } from "../../src/repo/protocol/records.ts";
import { RULES, type Rules } from "../../src/repo/protocol/rules.ts";
import type { Actor, Slips } from "./actor.ts";
import { putting, rowsFor, union } from "./actor.ts";
import { compactActor, forgetActor, lateActor, retainActor, retireActor } from "./keepers.ts";
import { anyListActor, condemnActor, sweepActor } from "./prunes.ts";
import type { Around } from "./sweep-ahead.ts";
import type { SetUp } from "./world.ts";
import { snapshotOf, type WriterConfig } from "./writer-ahead.ts";
import { WriterActor } from "./writers.ts";

export interface Scene {
  /** Chunks of s0. */
  readonly base: string;
  readonly writers: readonly WriterConfig[];
  /** For each condemned list, how many sweeps of it there are. */
  readonly prunes: readonly number[];
  /** Forgets by name; `forgotten` snapshots have their tombstone at the start. */
  readonly forgets?: readonly string[];
  readonly forgotten?: readonly string[];
  readonly retains?: number;
  readonly compactions?: number;
  /** Processes that remove ended claims. */
  readonly retires?: number;
  readonly caches?: boolean;
  readonly hidden?: SetUp["hidden"];
  /**
   * Less to explore and no fewer ways to lose. Snapshots are listed once, for long: what two
   * listings show together, one that runs as long can show. A list marks nothing, and a lost chunk
   * stops nobody: marks and that stop only end a sweep, and may as well not. A condemning prune is
   * one step, which puts a list of any packs there are, honouring any of the tombstones there are
   * from the start: whatever its listings could have shown it, it could have chosen from, and a
   * pack that is gone makes no difference. Writers put no end: a sweep that finds their snapshot
   * comes to where it would be had it seen the end. `reductions.test.ts` compares the harms done.
   */
  readonly lean?: boolean;
  /** Lean, and every list names all packs there are and honours all tombstones: fewer lists. */
  readonly greedy?: boolean;
  readonly alike?: SetUp["alike"];
  /** A second snapshot at the start, s1, in its own pack p1, that names s0 as a head. */
  readonly second?: string;
  /** A pack p1 with the chunks of s0 whose run r1 is put late, by a writer long fenced. */
  readonly late?: boolean;
  /** A condemned list at the start, of p0, that counted nothing (`k0`). */
  readonly early?: boolean;
}

type Process = SetUp["processes"][number];

function bulk(pack: string, run: string, chunks: string): SetUp["objects"] {
  return [
    { kind: "pack", name: pack, content: chunks, record: { type: "pack", name: pack } },
    {
      kind: "index",
      name: run,
      content: rowsFor(chunks, pack),
      record: { type: "run", name: run },
    },
  ];
}

/** Without listing snapshots a second time. */
export function once(sweep: Rules["sweep"]): Rules["sweep"] {
  return sweep.filter((s, i) => s !== "snapshots" || sweep[i - 1] !== s);
}

function object(record: Stored): SetUp["objects"][number] {
  const move = putting(record);
  if (move.do !== "put") throw new Error("a record is put");
  return move;
}

function aroundOf(scene: Scene, snapshots: SetUp["snapshots"]): Around {
  const { lean = false, writers, forgotten = [] } = scene;
  const byName = lean && !scene.retains && !scene.forgets;
  const attempts = ({ attempts }: WriterConfig) => [...Array(attempts).keys()];
  return {
    snapshots: [...snapshots.keys()],
    claims: writers.flatMap((w) => attempts(w).map((n) => snapshotOf(w, n).claim)),
    forgettable: byName ? forgotten : [...snapshots.keys()],
    chunks: union(...[...snapshots.values()].map((s) => s.refs)),
    refs: (name) => snapshots.get(name)?.refs ?? "",
    lean,
  };
}

/** Whether runs and condemned lists matter only for packs that somebody can still see. */
function trusting(scene: Scene, rules: Rules, slips: Slips): boolean {
  const usual = rules.relies === RULES.relies && rules.keeps === RULES.keeps;
  const { sameName, wholeParent, contentsByIndex } = slips;
  const all = scene.compactions || scene.caches;
  return usual && !sameName && !wholeParent && !contentsByIndex && !all;
}

/** Whether claims are settled as they should be, and only settling lists them. */
function settles(scene: Scene, rules: Rules, slips: Slips): boolean {
  const order = ["claims", "fences", "intend", "look", "settle"];
  const usual = order.every((step, i) => rules.sweep[i] === step);
  return usual && rules.ignored === RULES.ignored && !slips.sameClaim && !scene.retires;
}

function processesOf(scene: Scene, around: Around, rules: Rules, slips: Slips): Process[] {
  const processes: Process[] = [];
  const add = (name: string, actor: Actor) => processes.push({ name, actor });
  for (const w of scene.writers) add(`writer ${w.id}`, new WriterActor(w, rules, slips));
  scene.prunes.forEach((sweeps, k) => {
    if (!(scene.early && k === 0))
      add(
        `prune k${k}`,
        scene.lean
          ? anyListActor(`k${k}`, scene.forgotten ?? [], scene.greedy)
          : condemnActor(`k${k}`),
      );
    for (let n = 0; n < sweeps; n++) {
      const id = `x${k + 5 * n}`;
      add(`sweep ${id}`, sweepActor(id, `k${k}`, around, rules, slips));
    }
  });
  if (scene.late) add("late writer", lateActor(rowsFor(scene.base, "p1")));
  for (const name of scene.forgets ?? []) add(`forget ${name}`, forgetActor(name));
  for (let n = 0; n < (scene.retains ?? 0); n++)
    add(`retention ${n}`, retainActor(rules, around.snapshots));
  for (let n = 0; n < (scene.compactions ?? 0); n++) {
    add(`compaction ${n}`, compactActor(`m${n}`, rules));
  }
  for (let n = 0; n < (scene.retires ?? 0); n++) add(`retirement ${n}`, retireActor());
  return processes;
}

export function setUp(scene: Scene, given: Rules = RULES, slipped: Slips = {}): SetUp {
  const slips = scene.lean ? { goOnWhenLost: true, ...slipped } : slipped;
  const writer = given.writer.filter((step) => step !== "end");
  const lean = { writer, sweep: once(given.sweep), expected: () => [] };
  const rules = scene.lean ? { ...given, ...lean } : given;
  const snapshots = new Map<string, Kept & { refs: string }>();
  const first: Kept = { type: "snapshot", name: "s0", claim: "c0", heads: [] };
  snapshots.set("s0", { ...first, refs: scene.base });
  const second: Kept = { type: "snapshot", name: "s1", claim: "c1", heads: ["s0"] };
  if (scene.second) snapshots.set("s1", { ...second, refs: scene.second });
  for (const w of scene.writers) {
    for (let n = 0; n < w.attempts; n++) {
      const kept = snapshotOf(w, n);
      snapshots.set(kept.name, { ...kept, refs: w.wants });
    }
  }
  const around = aroundOf(scene, snapshots);
  const early: Stored = {
    type: "condemned",
    name: "k0",
    packs: ["p0"],
    marked: [],
    tombstones: [],
  };
  const objects = [
    object(first),
    ...bulk("p0", "r0", scene.base),
    ...(scene.second ? [object(second), ...bulk("p1", "r1", scene.second)] : []),
    ...(scene.late ? bulk("p1", "r1", scene.base).slice(0, 1) : []),
    ...(scene.early ? [object(early)] : []),
    ...(scene.forgotten ?? []).map((snapshot) => object({ type: "tombstone", snapshot })),
  ];
  const acked = ["s0", ...(scene.second ? ["s1"] : [])];
  const processes = processesOf(scene, around, rules, slips);
  const { caches = false, hidden, alike } = scene;
  return {
    processes,
    objects,
    acked,
    snapshots,
    rules,
    caches,
    namesReturn: slips.sameName ?? false,
    trusting: trusting(scene, rules, slips),
    settles: settles(scene, rules, slips),
    ...(hidden && { hidden }),
    ...(alike && { alike }),
  };
}
