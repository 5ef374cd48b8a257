/** The descriptors of the demo instance: the product reads them, and they say what is true. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseInstance } from "../../src/instance/parse.ts";
import { configure } from "./config.ts";
import type { Place } from "./place.ts";
import { choose } from "./services.ts";
import { UNITS } from "./units.ts";

const root = mkdtempSync(join(tmpdir(), "demo-descriptors-"));
afterAll(() => rmSync(root, { recursive: true }));

const place: Place = { root, seed: 1, user: null };
const { services } = choose();
configure(place, services, true);
const text = readFileSync(join(root, "holdall.toml"), "utf8");
const { name, supervisor, services: described } = parseInstance("holdall.toml", text);

describe("the descriptors of the demo instance", () => {
  it("name the instance and its supervisor, unless that is left out", () => {
    expect(name).toBe("demo");
    expect(supervisor).toMatchObject({ protocol: "zinit" });
    configure(place, services, false);
    const alone = readFileSync(join(root, "holdall.toml"), "utf8");
    const { supervisor: none, services: still } = parseInstance("holdall.toml", alone);
    expect(none).toBeNull();
    expect(still.map(({ processes }) => processes.supervised)).not.toContain("hero_osis");
  });

  it("say of each service how it is stopped, and whom it needs", () => {
    for (const service of services) {
      const found = described.find((one) => one.name === service.name);
      expect(found?.stop).toMatchObject({ signal: service.stopSignal, exit: 0 });
      expect(found?.dependsOn).toEqual(service.after);
      expect(found?.processes.supervised).toBe(service.name);
    }
  });

  it("have every unit that operations go to", () => {
    const units = described.flatMap((one) => one.units.map(({ id }) => `${one.name}/${id}`));
    const names = services.map((service) => service.name);
    const kept = UNITS.filter(({ service }) => names.includes(service)).map(({ id }) => id);
    expect(kept.filter((id) => !units.includes(id))).toEqual([]);
    expect(kept.length).toBeGreaterThan(0);
  });
});
