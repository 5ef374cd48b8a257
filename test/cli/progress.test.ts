/** Progress lines and the selection of times, by an injected clock. */
import { expect, it } from "vitest";
import { Progress, Rate } from "../../src/cli/progress.ts";
import { duration, size, table } from "../../src/cli/words.ts";
import { parseTime } from "../../src/repo/select.ts";

const progress = (bytes: number, files = 1) =>
  ({
    event: "progress",
    files,
    bytes,
    newBytes: bytes,
    storedBytes: 0,
    totalFiles: 4,
    totalBytes: 100 << 20,
  }) as const;

it("follows a rate smoothly", () => {
  const rate = new Rate();
  let shown = rate.add(0, 0);
  for (let t = 1; t <= 20; t++) shown = rate.add(t * 100, t);
  expect(shown).toBeCloseTo(100, 5);
  const slower = rate.add(2010, 21);
  expect(slower).toBeGreaterThan(80);
  for (let t = 22; t < 80; t++) shown = rate.add(2010 + (t - 21) * 10, t);
  expect(shown).toBeCloseTo(10, 0);
});

it("tells files, bytes, new bytes, rate and the time left", () => {
  const told = new Progress(true);
  expect(told.text({ event: "phase", phase: "index" }, 0)).toBe("reading the index ...");
  told.text({ event: "phase", phase: "save" }, 0);
  told.text(progress(0), 0);
  for (let t = 1; t < 10; t++) told.text(progress(t << 20), t);
  expect(told.text(progress(10 << 20, 2), 10)).toBe(
    "saving: 2 of 4 files, 10.0 MiB of 100.0 MiB, 10.0 MiB new, 1.00 MiB/s, about 1 min 30 s left",
  );
  expect(told.text(progress(11 << 20), 10.1)).toBeNull();
});

it("tells what a restore wrote and kept", () => {
  const told = new Progress(true);
  told.text({ event: "phase", phase: "restore" }, 0);
  const event = { event: "restoring", entries: 5, bytes: 3000, written: 1000 } as const;
  expect(told.text(event, 1)).toBe("restoring: 5 entries, 2.93 KiB, 1000 B written, 1.95 KiB kept");
});

it("writes a line every 30 s where there is no terminal", () => {
  const told = new Progress(false);
  expect(told.text({ event: "phase", phase: "save" }, 0)).toBeNull();
  const times = Array.from({ length: 100 }, (_, t) => t).filter(
    (t) => told.text(progress(t << 10), t) !== null,
  );
  expect(times).toEqual([30, 60, 90]);
});

it("says sizes, durations and tables", () => {
  expect([0, 1023, 1024, 1536 << 10, 5 * 2 ** 40].map(size)).toEqual([
    "0 B",
    "1023 B",
    "1.00 KiB",
    "1.50 MiB",
    "5.00 TiB",
  ]);
  expect([0.4, 59, 61, 3700].map(duration)).toEqual(["0 s", "59 s", "1 min 1 s", "1 h 1 min"]);
  expect(table([["a", "b"], ["ccc"]])).toBe("a    b\nccc");
});

it("reads times, and nothing that is none", () => {
  const now = new Date("2026-11-24T12:00:00").getTime();
  const at = (text: string) => {
    const time = parseTime(text, now);
    return time === null ? null : new Date(time);
  };
  expect(at("2026-11-20")).toEqual(new Date("2026-11-20T23:59:59.999"));
  expect(at("2026-11-20 14:03")).toEqual(new Date("2026-11-20T14:03"));
  expect(at("2026-11-20T14:03:05Z")).toEqual(new Date("2026-11-20T14:03:05Z"));
  expect(at("2026-11-20T14:03+02:00")).toEqual(new Date("2026-11-20T12:03:00Z"));
  expect(at("3d ago")).toEqual(new Date(now - 3 * 86_400_000));
  expect(at("2 weeks ago")).toEqual(new Date(now - 14 * 86_400_000));
  expect(at("yesterday")).toEqual(new Date("2026-11-23T23:59:59.999"));
  expect(at("today")).toEqual(new Date("2026-11-24T23:59:59.999"));
  for (const none of ["2026-02-31", "2026-13-01", "2026-11-20 25:00", "3x ago", "latest", "3f2a"]) {
    expect(at(none), none).toBeNull();
  }
});
