/** Where an S3 repository is asked for, who asks, and how many requests at once. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openStore } from "../../src/index.ts";
import { findAccess, type S3Settings } from "../../src/store/s3/credentials.ts";
import { openGate } from "../../src/store/s3/gate.ts";
import { findPlace, isSafeKey } from "../../src/store/s3/place.ts";
import { escaped, parseXml } from "../../src/store/s3/xml.ts";

describe("a place", () => {
  it.each([
    ["//backups/a/b", {}, "https://backups.s3.us-east-1.amazonaws.com/a/b/x"],
    ["//backups", { region: "eu-west-1" }, "https://backups.s3.eu-west-1.amazonaws.com/x"],
    ["//with.dots", {}, "https://s3.us-east-1.amazonaws.com/with.dots/x"],
    ["//backups/a", { endpoint: "https://s3.example.org" }, "https://s3.example.org/backups/a/x"],
    ["//b1b/", { endpoint: "http://127.0.0.1:9/way/" }, "http://127.0.0.1:9/way/b1b/x"],
    [
      "//b1b/a/",
      { endpoint: "https://example.org:9", addressing: "host" },
      "https://b1b.example.org:9/a/x",
    ],
    ["//b1b", { endpoint: "http://example.org", plainHttp: true }, "http://example.org/b1b/x"],
  ])("%s %o is %s", (address, where, url) => {
    const place = findPlace(address, where);
    expect(place.url(`${place.prefix}x`).href).toBe(url);
  });

  it.each([
    ["//A:hidden-secret@backups/x", {}, "usage", "credentials do not belong"],
    ["//backups", { endpoint: "https://u:hidden-secret@x" }, "config", "credentials"],
    ["//b", {}, "usage", "no name of a bucket"],
    ["//backups/a/../b", {}, "usage", "prefix"],
    ["//backups/a?x=y", {}, "usage", "prefix"],
    ["//backups", { endpoint: "http://example.org" }, "config", "plain http"],
    ["//backups", { endpoint: "http://127.0.0.1.example.org" }, "config", "plain http"],
    ["//backups", { endpoint: "ftp://x" }, "config", "https or http"],
    ["//backups", { endpoint: "nowhere" }, "config", "no URL"],
    ["//backups", { addressing: "dns" }, "config", "path or host"],
    ["//backups", { region: "a/b" }, "config", "no region"],
  ])("%s %o is refused", (address, where, code, text) => {
    let found: unknown;
    try {
      findPlace(address, where);
    } catch (error) {
      found = error;
    }
    expect(found).toMatchObject({ code, message: expect.stringContaining(text) });
    expect(String(found)).not.toContain("hidden-secret");
  });

  it("has keys of the safe alphabet only", () => {
    for (const key of ["a", "a/b.c-d_e", "a".repeat(255)]) expect(isSafeKey(key)).toBe(true);
    const bad = ["", "a//b", "/a", "a/", ".", "a/..", "a b", "a+b", "ä", "a".repeat(256)];
    for (const key of bad) expect(isSafeKey(key), key).toBe(false);
  });

  it("is refused when it is opened, not when it is used, and says no secret", () => {
    const s3 = { accessKeyId: "only-one-half" };
    expect(() => openStore("s3://backups/x", { s3 })).toThrow(/only one of the access key/);
    const locked = { accessKeyId: "a", secretAccessKey: "b", lockDays: 1e6 };
    expect(() => openStore("s3://backups/x", { s3: locked })).toThrow(/lockDays/);
  });
});

const KEYS = (id: string) => `aws_access_key_id=${id}\naws_secret_access_key = of-${id}\n`;
const FILES: Record<string, string> = {
  "/h/.aws/credentials": `# shared\n[default]\n${KEYS("shared")}[other]\r\n${KEYS("other")}`,
  "/h/.aws/config": `[default]\nregion = eu-1\ns3 =\n  addressing_style = path\n[profile other]\nregion = eu-2\nendpoint_url = https://other.example\n[profile odd]\ncredential_process = /bin/false\n`,
};

function access(settings: S3Settings, env: Record<string, string> = {}) {
  const around = { env: { HOME: "/h", ...env }, read: (path: string) => FILES[path] ?? null };
  const { credentials, region, endpoint } = findAccess(settings, around);
  return [credentials.accessKeyId, region, endpoint];
}

describe("credentials", () => {
  const env = { AWS_ACCESS_KEY_ID: "env", AWS_SECRET_ACCESS_KEY: "of-env" };
  it("come from the settings, the environment, or the shared files, in this order", () => {
    const own = { accessKeyId: "own", secretAccessKey: "of-own" };
    expect(access(own, { ...env, AWS_REGION: "us-9" })).toEqual(["own", "us-9", undefined]);
    expect(access({}, { ...env, AWS_ENDPOINT_URL: "https://e" })).toEqual([
      "env",
      "eu-1",
      "https://e",
    ]);
    expect(access({})).toEqual(["shared", "eu-1", undefined]);
    expect(access({}, { AWS_PROFILE: "other" })).toEqual([
      "other",
      "eu-2",
      "https://other.example",
    ]);
  });

  it("of a named profile are never those of the environment", () => {
    const given = { ...env, AWS_REGION: "us-9", AWS_ENDPOINT_URL: "https://e" };
    expect(access({ profile: "other" }, given)).toEqual(["other", "eu-2", "https://other.example"]);
  });

  it("that are absent or of a kind that is not known are said so", () => {
    expect(() => access({ profile: "none" })).toThrow("no profile none");
    expect(() => access({ profile: "odd" })).toThrow("credential_process");
    expect(() => access({}, { HOME: "/x" })).toThrow("no credentials for s3");
  });
});

it("lets fewer requests through when the store is busy, and slowly more again", async () => {
  const gate = openGate(8, 16);
  let [running, most] = [0, 0];
  const act = async (fails: boolean) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    if (fails) throw new Error("busy");
  };
  const many = (n: number, fails: boolean) =>
    Promise.allSettled(
      Array.from({ length: n }, () =>
        gate.run(
          () => act(fails),
          () => fails,
        ),
      ),
    );
  await many(8, true);
  // One wave that is refused counts once.
  expect([most, gate.width]).toEqual([8, 4]);
  most = 0;
  await many(4, true);
  await many(4, true);
  await many(4, true);
  expect(gate.width).toBe(1);
  await many(400, false);
  expect(gate.width).toBe(16);
  expect(most).toBeLessThanOrEqual(16);
});

describe("XML", () => {
  it("comes back as it was written, whatever its texts are", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), (texts) => {
        const rows = texts.map((text) => `<a b="c">${escaped(text)}</a>`).join("");
        const root = parseXml(`<?xml version="1.0"?>\n<r>${rows}<e/></r>\n`);
        expect(root.children.map((c) => c.text)).toEqual([...texts, ""]);
      }),
    );
  });

  it.each([
    ["<a>", "ends too early"],
    ["<a></b>", "closes nothing"],
    ["<a/><b/>", "more than one"],
    ["text", "outside"],
    ["<a>&nbsp;</a>", "entity"],
    ["<a>&#1114112;</a>", "entity"],
    ["<a><![CDATA[x]]></a>", "unexpected"],
    ["<a><!-- x --></a>", "unexpected"],
    ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "unexpected"],
    ["<a>".repeat(17), "too deep"],
    ["", "too early"],
  ])("refuses %s", (text, why) => expect(() => parseXml(text)).toThrow(why));

  it("refuses or reads any bytes, in no time", () => {
    const part = fc.constantFrom(
      "<",
      ">",
      "/",
      "a",
      "&",
      ";",
      "#",
      '"',
      "=",
      " ",
      "x",
      "<a>",
      "</a>",
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 200 }), (parts) => {
        try {
          expect(parseXml(parts.join("")).name).toMatch(/^[a-z]/);
        } catch (error) {
          expect((error as Error).message).toMatch(/^no XML/);
        }
      }),
    );
  });
});
