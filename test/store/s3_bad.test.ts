/**
 * Bad input from afar that no real server gives: it stays for a whole backup, and ends it with one
 * line. What real servers show is in `s3_said.test.ts` and, for Ctrl-C, in `s3_killed.test.ts`.
 */
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { toFailure } from "../../src/index.ts";
import { MAIN } from "../support/command.ts";
import { KEYS, type Kind, startFake } from "../support/fake_s3.ts";
import { FAULTS } from "../support/s3_faults.ts";
import { openWork, trial, type Work } from "../support/s3_work.ts";
import { temporary } from "../support/tree.ts";

let work: Work;
beforeAll(async () => {
  work = await openWork();
}, 60_000);
afterAll(() => work?.[Symbol.dispose]());

/** Fault, the requests that meet it, how many of those pass before it begins; status and line. */
const BAD: [string, Kind[], number, number, RegExp][] = [
  ["page for people", ["list"], 0, 1, /somebody else than the store answers$/],
  ["redirect", ["get"], 1, 2, /sends requests for bucket elsewhere \(307\)/],
  ["row twice", ["list"], 1, 1, /config\/: an odd listing: a page that repeats keys; given up/],
  [
    "row skipped",
    ["list"],
    1,
    1,
    /config\/: an odd listing: a page that leaves keys out; given up/,
  ],
  ["body cut", ["get"], 3, 1, /the connection was cut; given up after \d+ attempts$/],
  ["nothing done", ["put"], 0, 1, /claims\/\S+: the store took it and does not have it$/],
  ["nothing done", ["join"], 0, 1, /packs\/\S+: /],
  ["quota", ["part"], 2, 1, /packs\/\S+: the quota is used up$/],
  ["expired", ["part"], 1, 1, /packs\/\S+: the credentials have expired; renew them/],
  ["clock", ["put"], 1, 1, /the clocks of store and machine differ too much/],
];

it.each(BAD)(
  "%s at %j after %i ends with status %i",
  async (name, kinds, pass, status, line) => {
    const fault = FAULTS.find((one) => one.name === name)?.fault;
    let met = 0;
    const { failure } = await trial(work, "again", ({ kind }) =>
      kinds.includes(kind) && ++met > pass ? fault : undefined,
    );
    const { exit, hint, message } = toFailure(failure);
    expect(message).toMatch(line);
    expect(message).toMatch(/^s3:\/\/bucket\/pre \(127\.0\.0\.1:\d+\): [^\n]+$/);
    expect(message).not.toContain(KEYS.secretAccessKey);
    expect(exit).toBe(status);
    expect(hint).toMatch(/\S/);
    expect(work.fake.bucket.uploads.size, "parts are left").toBe(0);
  },
  60_000,
);

/** A certificate that its own key signed. */
function certificate(folder: string, name: string) {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")] as const;
  const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key];
  const named = ["-out", cert, "-subj", "/CN=fake", "-addext", `subjectAltName=${name}`];
  execFileSync("openssl", [...made, ...named], { stdio: "ignore" });
  return { path: cert, tls: { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") } };
}

it.each([
  ["that nobody vouches for", "IP:127.0.0.1", false, /\(DEPTH_ZERO_SELF_SIGNED_CERT\)/],
  ["of somebody else", "DNS:elsewhere.example", true, /\(ERR_TLS_CERT_ALTNAME_INVALID\)/],
  ["that matches", "IP:127.0.0.1", true, null],
])(
  "a certificate %s",
  async (_, name, trusted, line) => {
    using place = temporary();
    const { path, tls } = certificate(place.path, name);
    using fake = await startFake({ tls });
    writeFileSync(join(place.path, "repo.key"), "5a".repeat(32));
    mkdirSync(join(place.path, "home"));
    const env = {
      PATH: process.env.PATH ?? "",
      HOME: join(place.path, "home"),
      HOLDALL_KEYFILE: join(place.path, "repo.key"),
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
      AWS_ENDPOINT_URL: fake.endpoint,
      ...(trusted ? { NODE_EXTRA_CA_CERTS: path } : {}),
    };
    const args = [MAIN, "init", "-r", "s3://bucket/pre"];
    const [status, said] = await new Promise<[number, string]>((resolve) => {
      const child = execFile(process.execPath, args, { env }, (_error, _out, err) =>
        resolve([child.exitCode ?? -1, err]),
      );
    });
    if (line === null) return expect(status, said).toBe(0);
    expect(status).toBe(1);
    expect(said).toMatch(
      /s3:\/\/bucket\/pre \(127\.0\.0\.1:\d+\): .*no trust in who answers there/,
    );
    expect(said).toMatch(line);
    expect(said).toContain("NODE_EXTRA_CA_CERTS adds an authority");
    expect(fake.seen).toEqual([]);
  },
  60_000,
);
