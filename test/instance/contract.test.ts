/** The decision record's table is what the built-in descriptors say. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { builtIn } from "../../src/instance/built_in.ts";
import { contract } from "../../src/instance/contract.ts";
import type { StateUnit } from "../../src/instance/descriptor.ts";
import { crashSafeOf } from "../../src/instance/engines.ts";
import { validate } from "../../src/instance/load.ts";
import { parseInstance } from "../../src/instance/parse.ts";

const DEMO = join(import.meta.dirname, "../demo/descriptors");
const RECORD = join(import.meta.dirname, "../../decisions/D-11-state-snapshot-contract.md");
const TABLE = /^\| unit \|(?:.*\n)(?:\|.*\n)+/m;

// To renew it: `MAKE_CONTRACT=1 npx vitest run --dir test test/instance/contract`.
it("is in the record as the code says it", () => {
  const text = readFileSync(RECORD, "utf8");
  const said = `${contract(builtIn())}\n`;
  if (process.env.MAKE_CONTRACT)
    writeFileSync(RECORD, text.replace(/^TABLE\n/m, said).replace(TABLE, said));
  expect(TABLE.exec(readFileSync(RECORD, "utf8"))?.[0]).toBe(said);
  expect(said.replace("hero_db/databases", "hero_db/database")).not.toBe(said);
});

/** What a unit is, without what only says how its service is asked. */
function essence(unit: StateUnit) {
  const { id, paths, except, engine, class: worth, separation, cutWith } = unit;
  const { flush, drain, capture } = unit;
  const crashSafe = crashSafeOf(unit);
  const steps = flush?.steps ?? [];
  return {
    id,
    path: paths[0],
    except,
    engine,
    worth,
    separation,
    crashSafe,
    steps,
    drain,
    capture,
    cutWith,
  };
}

it.each(builtIn().filter(({ origin }) => origin === "verified"))(
  "calls $name verified: the demo runs it by the same units",
  (service) => {
    const text = readFileSync(join(DEMO, `${service.name}.toml`), "utf8");
    const [demo] = parseInstance("demo", `[[service]]\nname = "${service.name}"\n${text}`).services;
    const units = demo?.units.filter((unit) => unit.class !== "ephemeral") ?? [];
    const known = units.map(({ id }) => service.units.find((unit) => unit.id === id));
    expect(known.map((unit) => unit && essence(unit))).toEqual(units.map(essence));
    expect(units.length).toBeGreaterThan(0);
  },
);

it("has a descriptor for every service that is known, and none is wrong", () => {
  const names = builtIn().map(({ name }) => name);
  for (const name of ["db", "osis", "foundry", "collab", "biz", "books", "indexer", "embedder"])
    expect(names).toContain(`hero_${name}`);
  for (const name of ["memory", "voice", "proc", "proxy", "aibroker", "orchestrator", "deployer"])
    expect(names).toContain(`hero_${name}`);
  validate({ name: "all", root: "/x", supervisor: null, services: builtIn() });
});
