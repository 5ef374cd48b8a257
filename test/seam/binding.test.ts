/** The committed types of the native core are those that its macros state in this very build. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { native } from "../../src/seam/native.ts";
import { binding } from "../support/binding.ts";

const ROOT = join(import.meta.dirname, "../..");
const COMMITTED = join(ROOT, "native/npm/linux-x64/binding.d.ts");
const stated = readFileSync(join(ROOT, ".build/cargo/release/binding/holdall-addon"), "utf8");

describe("binding.d.ts", () => {
  // To renew it after a change of the addon: `npx vitest run --dir test binding --update`.
  it("is what the addon states", () => expect(binding(stated)).toMatchFileSnapshot(COMMITTED));

  it("would not be, were the addon changed", () => {
    const changed = stated.replace("readSlot(bytes: Buffer)", "readSlot(bytes: string)");
    expect(changed).not.toBe(stated);
    expect(binding(changed)).not.toBe(readFileSync(COMMITTED, "utf8"));
  });

  it("names every function and class that the addon has", () => {
    const named = [...binding(stated).matchAll(/declare (?:function|class) (\w+)/g)];
    const callable = Object.entries(native).filter(([, value]) => typeof value === "function");
    expect(named.map((m) => m[1]).sort()).toEqual(callable.map(([name]) => name).sort());
  });

  it("refuses a kind of item that it cannot show", () =>
    expect(() => binding('{"kind":"const","name":"X","js_doc":"","def":""}')).toThrow("const"));
});
