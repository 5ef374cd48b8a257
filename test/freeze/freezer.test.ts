/** Every freezer keeps the promises of the contract; and which is chosen where. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { bestFreezer, openFreezer } from "../../src/freeze/open.ts";
import { type HoldallEvent, systemRuntime } from "../../src/index.ts";
import { freezerContract } from "../contract/freezer.ts";
import { fileSystem, type Kind } from "../support/mounts.ts";
import { temporary } from "../support/tree.ts";

vi.setConfig({ testTimeout: 60_000 });

const INSTALL = "apt-get install btrfs-progs xfsprogs";

/** A file system in an image; needs root and its tools. */
function image(kind: Kind) {
  if (process.getuid?.() !== 0) return `${kind} needs root`;
  const made = fileSystem(kind);
  return typeof made === "string" ? `${made}; ${INSTALL}` : made;
}

freezerContract(openFreezer("btrfs"), true, () => image("btrfs"));
freezerContract(openFreezer("reflink"), true, () => image("xfs"));
freezerContract(openFreezer("copy"), true, () => image("ext4"));
freezerContract(openFreezer("live"), false, temporary);

const kinds = ["btrfs", "xfs", "ext4"] as const;
const possible = kinds.every((kind) => {
  const made = image(kind);
  if (typeof made !== "string") made[Symbol.dispose]();
  return typeof made !== "string";
});

describe("the best freezer", () => {
  it.runIf(possible)("is one for each file system, cut together", async () => {
    using places = new Places();
    const sources = kinds.map((kind) => {
      const at = join(places.add(kind), "data");
      mkdirSync(at);
      writeFileSync(join(at, "file"), kind);
      return at;
    });
    const events: HoldallEvent[] = [];
    const runtime = systemRuntime({ emit: (event) => events.push(event) });
    await using prepared = await bestFreezer.prepare(runtime, sources, []);
    await using view = await prepared.cut([]);
    expect(sources.map((s) => view.kindOf(s))).toEqual(["btrfs", "reflink", "copy"]);
    expect(sources.map((s) => readFileSync(join(view.at(s), "file"), "utf8"))).toEqual([...kinds]);
    await view.prove();
    expect(events).toEqual([]);
  });

  it.runIf(possible)("refuses a nested subvolume, unless it is a source itself", async () => {
    using places = new Places();
    const at = join(places.add("btrfs"), "data");
    mkdirSync(join(at, "deep"), { recursive: true });
    const nested = join(at, "deep", "nested");
    execFileSync("btrfs", ["-q", "subvolume", "create", nested]);
    writeFileSync(join(nested, "file"), "inside");
    const runtime = systemRuntime();
    const refused = bestFreezer.prepare(runtime, [at], []);
    await expect(refused).rejects.toThrow(`${at} has a nested subvolume, deep/nested`);
    await using prepared = await bestFreezer.prepare(runtime, [at, nested], []);
    await using view = await prepared.cut([]);
    expect(readFileSync(join(view.at(nested), "file"), "utf8")).toBe("inside");
    await view.prove();
  });

  it.runIf(possible)("falls back where snapshots could not be deleted, and says so", async () => {
    using places = new Places();
    const root = places.add("btrfs");
    const at = join(root, "data");
    mkdirSync(at);
    writeFileSync(join(at, "file"), "x");
    execFileSync("chown", ["-R", "nobody", root]);
    chmodSync(dirname(root), 0o755);
    const script = join(import.meta.dirname, "../../.build/test/support/prepare.js");
    const said = execFileSync(
      "setpriv",
      ["--reuid=65534", "--clear-groups", process.execPath, script, at],
      {
        encoding: "utf8",
      },
    );
    expect(said).toMatch(/snapshots could be made there but not deleted.*\nreflink\n$/);
  });
});

class Places implements Disposable {
  readonly #made: ({ path: string } & Disposable)[] = [];

  add(kind: Kind): string {
    const made = fileSystem(kind);
    if (typeof made === "string") throw new Error(made);
    this.#made.push(made);
    return made.path;
  }

  [Symbol.dispose](): void {
    for (const made of this.#made) made[Symbol.dispose]();
  }
}
