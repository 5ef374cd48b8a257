/** Keys: what opens a repository, what no longer does, and what is never taken away. */
import { statSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { readRecoveryKey } from "../../src/index.ts";
import { world } from "../support/command.ts";

interface Slot {
  id: string;
  kind: string;
  retired: boolean;
  inUse: boolean;
}

function keys(w: ReturnType<typeof world>, more = {}): Slot[] {
  return w.json(["key", "list"], more).slots as Slot[];
}

it("makes key files that are private and never writes over one", () => {
  using w = world(true);
  expect(w.run(["key", "keyfile", w.at("new")]).status).toBe(0);
  expect(statSync(w.at("new")).mode & 0o777).toBe(0o600);
  expect(w.json(["key", "keyfile", w.at("new")])).toMatchObject({ event: "error", exit: 1 });
  w.run(["init"]);
  expect(w.run(["key", "add", "--new-keyfile", w.at("new")]).status).toBe(0);
  expect(w.json(["key", "drill", "--keyfile", w.at("new")])).toMatchObject({
    event: "drill",
    kind: "keyfile",
    snapshots: 0,
  });
}, 60_000);

it("adds recovery keys, and proves them", () => {
  using w = world(true);
  w.run(["init"]);
  w.run(["backup", w.source]);
  const made = w.json(["key", "add", "--new-recovery"]);
  expect(readRecoveryKey(made.recoveryKey as string)).toHaveLength(32);
  writeFileSync(w.at("paper"), (made.recoveryKey as string).toLowerCase().replaceAll("-", " "));
  const drilled = w.json(["key", "drill", "--recovery-key-file", w.at("paper")]);
  expect(drilled).toMatchObject({ kind: "recovery", slot: made.added, snapshots: 1 });
}, 60_000);

it("refuses a removed slot from then on, in every generation", async () => {
  using w = world(true);
  w.run(["init"]);
  w.run(["key", "keyfile", w.at("two")]);
  w.run(["key", "keyfile", w.at("three")]);
  const two = w.json(["key", "add", "--new-keyfile", w.at("two")]).added as string;
  w.run(["key", "add", "--new-keyfile", w.at("three")]);
  const slots = async () => (await w.objects.names("slots/")).length;
  const before = await slots();
  expect(w.json(["key", "remove", two])).toMatchObject({ event: "key", retired: [two] });
  expect(await slots()).toBe(before);
  const gone = w.json(["snapshots"], { env: { HOLDALL_KEYFILE: w.at("two") } });
  expect(gone).toMatchObject({ code: "wrong_secret", exit: 12 });
  expect(gone.message).toContain("removed");
  expect(keys(w).find((k) => k.id === two)).toMatchObject({ retired: true });
  expect(w.json(["key", "remove", two])).toMatchObject({ code: "invalid" });
  // A later generation that retires another slot forgets nothing.
  const own = keys(w).find((k) => k.inUse)?.id ?? "";
  const third = { env: { HOLDALL_KEYFILE: w.at("three") } };
  expect(w.run(["key", "remove", own], third).status).toBe(0);
  expect(w.run(["snapshots"]).status).toBe(12);
  expect(w.run(["snapshots"], { env: { HOLDALL_KEYFILE: w.at("two") } }).status).toBe(12);
  expect(w.run(["snapshots"], third).status).toBe(0);
}, 60_000);

it("never takes the slot in use, nor the last recovery key unless forced", () => {
  using w = world(true);
  w.run(["init"]);
  const all = keys(w);
  const own = all.find((k) => k.inUse)?.id ?? "";
  const recovery = all.find((k) => k.kind === "recovery")?.id ?? "";
  expect(w.json(["key", "remove", own, "--force"])).toMatchObject({ code: "last_way", exit: 1 });
  expect(w.json(["key", "remove", recovery])).toMatchObject({ code: "last_way" });
  expect(w.run(["key", "remove", recovery, "--force"]).status).toBe(0);
  expect(w.json(["key", "remove", "ffff"]).message).toContain("no such key slot");
}, 60_000);

it("changes the secret in use: the new one opens, the old one does not", () => {
  using w = world(true);
  w.run(["init"]);
  writeFileSync(w.at("new"), "a new passphrase\n");
  const changed = w.run(["key", "passphrase", "--new-passphrase-file", w.at("new")]);
  expect(changed.status).toBe(0);
  expect(changed.out).toContain("revokes nothing that was copied");
  expect(w.run(["snapshots"]).status).toBe(12);
  const opened = { env: { HOLDALL_KEYFILE: "", HOLDALL_PASSPHRASE: "a new passphrase" } };
  expect(w.run(["snapshots"], opened).status).toBe(0);
}, 60_000);

it("opens the repository when the newest config is lost, and a slot stays removed by the others", async () => {
  using w = world(true);
  w.run(["init"]);
  const configs = () => w.objects.names("config/");
  const first = await configs();
  w.run(["key", "keyfile", w.at("two")]);
  const two = w.json(["key", "add", "--new-keyfile", w.at("two")]).added as string;
  w.run(["key", "remove", two]);
  await w.objects.remove(...first);
  expect(await configs()).toHaveLength(1);
  expect(w.run(["snapshots"], { env: { HOLDALL_KEYFILE: w.at("two") } }).status).toBe(12);
  expect(w.run(["snapshots"]).status).toBe(0);
}, 60_000);
