/**
 * A client that goes away in the middle of a put leaves no truncated object, on two real servers;
 * and its command says nothing that it should not, whatever befalls it.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import aws4 from "aws4";
import { expect, it } from "vitest";
import { download } from "../support/bucket.ts";
import { meter } from "../support/meter.ts";
import { command, environment } from "../support/s3_command.ts";
import { fresh, KEY, OWNER, onServers, type S3Server, SECRET } from "../support/s3server.ts";
import { differences, temporary } from "../support/tree.ts";

/** A put whose client goes away half-way: what is there then. */
async function cut(server: S3Server, name: string, headers: Record<string, string>) {
  const length = 8 << 20;
  const { hostname, port, host } = new URL(server.endpoint);
  const path = `/holdall/${name}`;
  const all = { ...headers, host, "content-length": String(length) };
  const asked = { service: "s3", region: "us-east-1", method: "PUT", path, headers: all };
  const signed = aws4.sign(asked, { accessKeyId: KEY, secretAccessKey: SECRET });
  await new Promise<void>((resolve) => {
    const put = request({ hostname, port, method: "PUT", path, headers: signed.headers ?? {} });
    put.on("error", () => resolve());
    put.write(randomBytes(length / 2), () => setTimeout(() => put.destroy(), 100));
  });
  // The server may take its time to notice.
  await new Promise((resolve) => setTimeout(resolve, 500));
  return (await server.ask("HEAD", path)).status;
}

onServers((server) => {
  it("leaves nothing torn, whenever it is killed, and goes on with what is there", async () => {
    using place = temporary();
    using way = await meter(server().endpoint);
    const at = (part: string) => join(place.path, part);
    const address = fresh();
    const env = environment(place.path, address, way.endpoint, OWNER);
    writeFileSync(at("key"), "5a".repeat(32));
    mkdirSync(at("source"));
    writeFileSync(at("source/noise"), randomBytes(24 << 20));
    expect((await command(["init"], env)).status).toBe(0);
    const seen: string[] = [];
    for (const bytes of [300, 3 << 20, 18 << 20]) {
      const ended = await command(["backup", at("source")], env, (child) => {
        way.after(bytes, () => {
          // What everybody on the machine can read of a process.
          seen.push(readFileSync(`/proc/${child.pid}/cmdline`, "utf8"));
          child.kill("SIGKILL");
        });
      });
      expect(ended.status).toBe(null);
      seen.push(ended.said);
    }
    expect(seen).toHaveLength(6);
    const store = server().store(address);
    expect(await download(store, at("copy"))).toEqual([]);
    expect(existsSync(at("copy/packs"))).toBe(true);

    const stopped = await command(["backup", at("source")], env, (child) => {
      way.after(2 << 20, () => child.kill("SIGINT"));
    });
    expect(stopped.status).toBe(130);
    const done = await command(["--json", "backup", at("source")], env);
    expect(done.status, done.said).toBe(0);
    const result = JSON.parse(done.said.trim().split("\n").at(-1) ?? "") as {
      store: { requests: number; sent: number; received: number };
    };
    expect(result.store.requests).toBeGreaterThan(5);
    expect(result.store.sent).toBeLessThan(40 << 20);
    const back = await command(["restore", `latest:${at("source")}`, "--to", at("back")], env);
    expect(back.said).toMatch(/\n\d+ requests; .* sent, 2\d\.\d MiB received/);
    expect(differences(at("source"), at("back"))).toEqual([]);

    const wrong = { ...env, AWS_SECRET_ACCESS_KEY: "another-secret-another-secret" };
    const refused = await command(["snapshots"], wrong);
    expect(refused.status).toBe(1);
    expect(refused.said).toMatch(/^holdall: s3:\/\/\S+ \(\S+\): .*secret[^\n]*\n {2}\S[^\n]*\n/);
    for (const said of [...seen, stopped.said, done.said, back.said, refused.said]) {
      for (const secret of [SECRET, wrong.AWS_SECRET_ACCESS_KEY, "Signature="]) {
        expect(said).not.toContain(secret);
      }
    }
  }, 120_000);

  it("would leave one without a signed hash and a checksum, which is why every put has both", async () => {
    const sum = randomBytes(32);
    const both = {
      "x-amz-content-sha256": sum.toString("hex"),
      "x-amz-checksum-sha256": sum.toString("base64"),
    };
    expect(await cut(server(), `signed-${randomBytes(4).toString("hex")}`, both)).toBe(404);
    const neither = { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };
    const torn = await cut(server(), `unsigned-${randomBytes(4).toString("hex")}`, neither);
    // One of the two servers is known to publish what it got.
    expect(torn).toBe(server().kind === "versitygw" ? 200 : 404);
  }, 60_000);
});
