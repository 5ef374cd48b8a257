/**
 * Credentials that may only add are enough to back up, restore and check, on two real servers and
 * under the very policy that README shows; whoever has stolen them cannot take anything away.
 *
 * Neither server knows the condition by which the policy's last statement forbids replacing: both
 * refuse a policy that has it. There versions and locks keep what was replaced. What the statement
 * asks of us is tried on our own fake.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { backup, check, openRepository, toFailure } from "../../src/index.ts";
import { error } from "../support/fake_bucket.ts";
import type { Fault, Seen } from "../support/fake_s3.ts";
import { fixture } from "../support/library.ts";
import { meter } from "../support/meter.ts";
import { all } from "../support/outcome.ts";
import { command, environment } from "../support/s3_command.ts";
import { type Policy, userWith } from "../support/s3_users.ts";
import { openWork, trial, VERBS } from "../support/s3_work.ts";
import { OWNER, onServers, type S3Server } from "../support/s3server.ts";
import { differences, temporary } from "../support/tree.ts";

/** As README has it: of the bucket `backups`, below `host1/`. */
function documented(): Policy {
  const text = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
  const [shown = ""] = /\{"Version": "2012-10-17"[\s\S]*?\]\}(?=\n)/.exec(text) ?? [];
  return JSON.parse(shown) as Policy;
}

const WHOLE = documented();
/** The one line by which a verb ends that needs more. */
const REFUSED =
  /^holdall: s3:\S+ \(\S+\): \S+: the credentials may not remove this \(AccessDenied\)$/;
/** What both servers understand of it. */
const POLICY = { ...WHOLE, Statement: WHOLE.Statement.slice(0, -1) };

async function stolen(server: S3Server): Promise<void> {
  using place = temporary();
  using way = await meter(server.endpoint);
  const at = (name: string) => join(place.path, name);
  await server.makeBucket("backups");
  await expect(userWith(server, "backups", WHOLE)).rejects.toThrow(
    /: 400 [\s\S]*invalid condition key/,
  );
  const keys = await userWith(server, "backups", POLICY);
  const env = (who: typeof keys) =>
    environment(place.path, "s3://backups/host1", way.endpoint, who);
  const [adder, owner] = [env(keys), env(OWNER)];
  const expectDone = async (args: string[], who = adder) => {
    const { status, said } = await command(args, who);
    expect(status, `${args.join(" ")}: ${said}`).toBe(0);
    return said;
  };
  writeFileSync(at("key"), "5a".repeat(32));
  mkdirSync(at("source"));
  writeFileSync(at("source/noise"), randomBytes(20 << 20));
  await expectDone(["init"], owner);

  // The server's word: who has these keys adds below `host1/`, and that is all.
  const ask = async (method: string, name: string) =>
    (await server.ask(method, `/backups/${name}`, { as: keys, ...body(method) })).status;
  const body = (method: string) => (method === "PUT" ? { body: "x" } : {});
  expect(await ask("PUT", "host2/x")).toBe(403);
  expect(await ask("PUT", "host1/x")).toBe(200);
  expect(await ask("DELETE", "host1/x")).toBe(403);
  // Here nobody could be kept from replacing: where that matters, the bucket keeps versions.
  expect(await ask("PUT", "host1/x")).toBe(200);

  // Killed in the middle, gone on with, and done again with nothing new.
  const killed = await command(["backup", at("source")], adder, (child) =>
    way.after(17 << 20, () => child.kill("SIGKILL")),
  );
  expect(killed.status).toBe(null);
  const ids: string[] = [];
  for (const bytes of [0, 3000, 3000]) {
    writeFileSync(at("source/more"), Buffer.alloc(bytes, "more"));
    const said = await expectDone(["--json", "backup", at("source")]);
    ids.push(/"event":"snapshot".*"id":"([0-9a-f]+)"/.exec(said)?.[1] ?? said);
  }
  const shown = await expectDone(["snapshots"]);
  for (const id of ids) expect(shown).toContain(id.slice(0, 8));
  await expectDone(["check", "--read"]);
  await expectDone(["restore", `${ids[2]}:${at("source")}`, "--to", at("back")]);
  expect(differences(at("source"), at("back"))).toEqual([]);

  // To forget adds a mark, and can be undone; what would free space is refused, with one line.
  const packs = () => all(server.store("s3://backups/host1"), "packs/");
  const before = (await packs()).sort();
  await expectDone(["forget", ids[0] ?? ""]);
  const prune = "prune --max-unused 0% --wait 0s --fence-after 0s".split(" ");
  const refused = await command(prune, adder);
  expect(refused.status, refused.said).toBe(1);
  const said = refused.said.split("\n").filter((line) => line.startsWith("holdall: "));
  expect(said).toEqual([expect.stringMatching(REFUSED)]);
  expect(await packs()).toEqual(expect.arrayContaining(before));
  await expectDone(["undelete", ids[0] ?? ""]);
  for (const id of [ids[0], ids[2]]) {
    await expectDone(["restore", `${id}:${at("source")}`, "--to", at(`again-${id}`)]);
  }
  expect(differences(at("source"), at(`again-${ids[2]}`))).toEqual([]);
  await expectDone(["check", "--read"]);
  // Who may remove finishes it.
  await expectDone(prune, owner);
  await expectDone(["backup", at("source")]);
}

async function replaced(server: S3Server): Promise<void> {
  using place = temporary();
  const at = (name: string) => join(place.path, name);
  const text = JSON.stringify(POLICY).replaceAll("s3:::backups", "s3:::locked");
  const keys = await userWith(server, "locked", JSON.parse(text) as Policy);
  const address = "s3://locked/host1";
  const own = await fixture(place.path, server.store(address, { s3: { lockDays: 1 } }));
  mkdirSync(at("source"));
  writeFileSync(at("source/noise"), randomBytes(100_000));
  const store = server.store(address, { s3: { ...keys, lockDays: 1 } });
  const adder = await openRepository(store, own.secret, own.runtime);
  const options = { host: "h", workers: 1, tool: "test", paths: [Buffer.from(at("source"))] };
  const { snapshot } = await backup(own.runtime, adder, options);

  const [pack = ""] = await all(store, "packs/");
  const path = `/locked/host1/${pack}`;
  const { headers } = await server.ask("HEAD", path);
  const first = `${path}?versionId=${headers["x-amz-version-id"]}`;
  for (const target of [path, first]) {
    expect((await server.ask("DELETE", target, { as: keys })).status).toBe(403);
  }
  expect((await server.ask("PUT", path, { as: keys, body: "spoiled" })).status).toBe(200);
  const problems = async () => (await check(own.runtime, await own.open(), { read: 1 })).problems;
  expect(await problems()).not.toEqual([]);
  // The owner takes the version that came last away.
  const last = (await server.ask("HEAD", path)).headers["x-amz-version-id"];
  await server.ask("DELETE", `${path}?versionId=${last}`);
  expect(await problems()).toEqual([]);
  expect((await own.bring(snapshot, at("source"), at("back"))).troubles).toBe(0);
  expect(differences(at("source"), at("back"))).toEqual([]);
}

onServers((server) => {
  it("may be stolen: backups need no more, and nothing goes away", () => stolen(server()), 120_000);

  it("may replace where versions are kept: what was replaced comes back", () => replaced(server()));
});

/** What the policy forbids, at a server that knows its last statement. */
function forbidding({ kind, headers }: Seen): Fault | undefined {
  const replaces = (kind === "put" || kind === "join") && headers["if-none-match"] !== "*";
  if (kind !== "remove" && !replaces) return undefined;
  return ({ send }) => send(error(403, "AccessDenied"));
}

it("say with each object that nothing is to be replaced; only init and prune need more", async () => {
  using work = await openWork();
  const needed: string[] = [];
  for (const verb of VERBS) {
    const { failure } = await trial(work, verb, forbidding);
    if (failure === null) continue;
    needed.push(verb);
    expect(toFailure(failure)).toMatchObject({ code: "credentials", exit: 1 });
    expect(failure.message).toMatch(/^s3:\S+ \(\S+\): \S+: the credentials may not \w+ this \(Acc/);
  }
  expect(needed).toEqual(["init", "prune"]);
}, 60_000);
