/** Real S3 servers of two lineages on loopback, each with its own folder, gone with `using`. */

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import aws4 from "aws4";
import { afterAll, beforeAll, describe } from "vitest";
import { openStore, type Store, type StoreOptions } from "../../src/index.ts";
import type { FarStore } from "../../src/store/deferred.ts";
import { openS3Store, type S3Options } from "../../src/store/s3/open.ts";
import { findPlace } from "../../src/store/s3/place.ts";
import { inMemory } from "./failing.ts";
import { findServer, SERVERS, type ServerKind } from "./servers.ts";

export const KEY = "HOLDALLTESTKEY";
export const SECRET = "holdall-test-secret-5a5a";
export const OWNER: Keys = { accessKeyId: KEY, secretAccessKey: SECRET };

/** A suite for each server, which has a bucket `holdall` and one that locks, `locked`. */
export function onServers(body: (server: () => S3Server) => void): void {
  for (const kind of SERVERS) {
    const found = findServer(kind);
    const name = "path" in found ? kind : `${kind} (${found.missing})`;
    describe.skipIf("missing" in found)(name, { timeout: 60_000 }, () => {
      let server: S3Server;
      beforeAll(async () => {
        server = await startServer(kind);
        await server.makeBucket("holdall");
        await server.makeBucket("locked", true);
      }, 60_000);
      afterAll(() => server?.[Symbol.dispose](), 60_000);
      body(() => server);
    });
  }
}

function command(kind: ServerKind, folder: string, address: string): [string[], NodeJS.ProcessEnv] {
  if (kind === "versitygw") {
    const [data, versions] = [join(folder, "data"), join(folder, "versions")];
    for (const path of [data, versions]) mkdirSync(path);
    const access = ["--access", KEY, "--secret", SECRET, "--region", "us-east-1"];
    const how = ["--port", address, "--keep-alive", "--quiet", "--iam-dir", folder];
    return [[...access, ...how, "posix", "--versioning-dir", versions, data], {}];
  }
  return [
    ["server", "--quiet", "--address", address, join(folder, "data")],
    {
      MINIO_ROOT_USER: KEY,
      MINIO_ROOT_PASSWORD: SECRET,
      MINIO_SITE_REGION: "us-east-1",
      MINIO_BROWSER: "off",
      MINIO_UPDATE: "off",
      MINIO_CALLHOME_ENABLE: "off",
    },
  ];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface S3Server extends Disposable {
  readonly kind: ServerKind;
  readonly endpoint: string;
  /** The folder that holds everything of it. */
  readonly folder: string;
  /** A signed request to the server, by a client that is not the product's. */
  ask(method: string, path: string, more?: Asked): Promise<Said>;
  makeBucket(name: string, locks?: boolean): Promise<void>;
  /** A store in a bucket of this server, as the library opens it. */
  store(address: string, options?: StoreOptions): Store;
  /** The same with all that only a test sets. */
  open(address: string, options?: S3Options): FarStore;
}

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

interface Asked {
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** Who asks, if not the server's owner. */
  as?: Keys;
  service?: string;
}

interface Said {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

function ask(endpoint: string, method: string, path: string, more: Asked = {}): Promise<Said> {
  const { hostname, port, host } = new URL(endpoint);
  const { headers = {}, body, as = OWNER, service = "s3" } = more;
  const signed = aws4.sign(
    {
      service,
      region: "us-east-1",
      method,
      path,
      headers: { ...headers, host },
      ...(body === undefined ? {} : { body }),
    },
    as,
  );
  return new Promise((resolve, reject) => {
    const sent = request(
      { hostname, port, method, path, headers: signed.headers ?? {} },
      (said) => {
        const parts: Buffer[] = [];
        said.on("data", (part: Buffer) => parts.push(part));
        said.on("end", () =>
          resolve({
            status: said.statusCode ?? 0,
            headers: said.headers,
            body: Buffer.concat(parts),
          }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Starts a server; resolves when it answers. */
export async function startServer(kind: ServerKind): Promise<S3Server> {
  const found = findServer(kind);
  if ("missing" in found) throw new Error(found.missing);
  // Thousands of small files that nobody needs afterwards: in memory, where there is room.
  const place = inMemory();
  const address = `127.0.0.1:${await freePort()}`;
  const [args, env] = command(kind, place.path, address);
  const child = spawn(found.path, args, {
    cwd: place.path,
    env: { ...env, PATH: process.env.PATH ?? "", HOME: place.path },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const dispose = () => {
    child.kill("SIGKILL");
    place[Symbol.dispose]();
  };
  const endpoint = `http://${address}`;
  try {
    await answering(endpoint, child);
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    kind,
    endpoint,
    folder: place.path,
    ask: (method, path, more) => ask(endpoint, method, path, more),
    async makeBucket(name, locks = false) {
      const headers = locks ? { "x-amz-bucket-object-lock-enabled": "true" } : {};
      const { status, body } = await ask(endpoint, "PUT", `/${name}`, { headers });
      if (status !== 200) throw new Error(`no bucket ${name}: ${status} ${body}`);
    },
    store: (at, options = {}) =>
      openStore(at, {
        ...options,
        s3: { endpoint, ...OWNER, ...options.s3 },
      }),
    open(at, options = {}) {
      const { settings } = options;
      const place = findPlace(at.slice("s3:".length), { endpoint, ...settings });
      return openS3Store(place, { ...OWNER, ...(settings as object) }, options);
    },
    [Symbol.dispose]: dispose,
  };
}

/** An address that no other test uses. */
export const fresh = (bucket = "holdall") => `s3://${bucket}/${randomBytes(4).toString("hex")}`;

async function answering(endpoint: string, child: ChildProcess): Promise<void> {
  let said = "";
  child.stderr?.on("data", (part: Buffer) => {
    said = `${said}${part}`.slice(-2000);
  });
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) break;
    const found = await ask(endpoint, "GET", "/").catch(() => null);
    if (found?.status === 200) return;
    await sleep(50);
  }
  throw new Error(`the server does not answer: ${said}`);
}
