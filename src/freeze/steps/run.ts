/** Does the steps of a descriptor, and observes what they say; nothing is given to a shell. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure, toFailure } from "../../base/failure.ts";
import { below } from "../../base/path.ts";
import type { Runtime } from "../../base/runtime.ts";
import type { HttpStep, RedisStep, RpcStep, Step } from "../../instance/descriptor.ts";
import type { Undo } from "../watchdog.ts";
import { statement } from "./postgres.ts";
import { command, replies } from "./redis.ts";
import { converse, type Talk } from "./wire.ts";

/** What a step is done for. */
export interface Scene {
  readonly runtime: Runtime;
  /** Root of the instance. */
  readonly root: string;
  /** What `*` stands for among databases. */
  readonly databases: readonly string[];
  /** What `{marker}` stands for. */
  readonly marker: string;
  /** Where programs run that must not touch the instance; absent: where this one does. */
  readonly enclosure?: Enclosure;
}

export interface Enclosure {
  /** Words before a program and its arguments. */
  readonly prefix: readonly string[];
  /** Root of the instance whose programs they are. */
  readonly root: string;
}

/** What an enclosed program finds around it: no secret of this one. */
export const environment = ({ root }: Scene): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: root,
  LC_ALL: "C.UTF-8",
});

const BETWEEN = 5;

/** Everything that is sent, and how many replies it has. */
async function redisBytes(scene: Scene, step: RedisStep): Promise<{ send: Buffer; count: number }> {
  const words = step.command.map((word) => word.replaceAll("{marker}", scene.marker));
  const lines: string[][] = [];
  if (step.secretFile !== null) {
    const home = scene.enclosure?.root ?? scene.root;
    const secret = await readFile(below(home, step.secretFile), "utf8");
    lines.push([step.auth, secret.replace(/\r?\n$/, "")]);
  }
  const named = step.databases.flatMap((name) => (name === "*" ? scene.databases : [name]));
  const each = (before: string[][]) =>
    lines.push(...before, ...Array.from({ length: Math.max(step.times, 1) }, () => words));
  if (named.length === 0) each([]);
  for (const database of new Set(named)) each([["SELECT", database]]);
  return { send: Buffer.concat(lines.map(command)), count: lines.length };
}

const rpcLine = (step: RpcStep) =>
  `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: step.method, params: JSON.parse(step.params) })}`;

function httpBytes(path: string, body: string | null): Buffer {
  const head = [
    `${body === null ? "GET" : "POST"} ${path} HTTP/1.1`,
    "Host: localhost",
    "Connection: close",
    ...(body === null
      ? []
      : ["Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`]),
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body ?? ""}`);
}

/** The body of an answer of HTTP that says how long it is; other statuses than 2xx throw. */
function httpBody(answer: Buffer): string | null {
  const head = answer.indexOf("\r\n\r\n");
  if (head < 0) return null;
  const text = answer.toString("latin1", 0, head);
  const status = Number(/^HTTP\/1\.\d (\d+)/.exec(text)?.[1] ?? 0);
  if (status < 200 || status > 299) throw new Failure("not_still", `answered ${status}`);
  const length = /^content-length: *(\d+)/im.exec(text)?.[1];
  const body = answer.subarray(head + 4);
  if (length !== undefined) {
    return body.length < Number(length) ? null : body.toString("utf8", 0, Number(length));
  }
  return body.includes("0\r\n\r\n") || body.length > 0 ? body.toString("utf8") : null;
}

const wholeHttp = (send: Buffer): Talk<string> => ({
  send,
  take(answer) {
    const body = httpBody(answer);
    return body === null ? null : { result: body };
  },
});

/** Whether an answer, or a failure's message that has it, is an error of who was asked. */
export const isRefusal = (said: string): boolean => /"error"\s*:\s*\{/.test(said);

function rpcTalk(step: RpcStep): Talk<string> {
  if (step.path !== null) return wholeHttp(httpBytes(step.path, rpcLine(step)));
  return {
    send: Buffer.from(`${rpcLine(step)}\n`),
    take(answer) {
      const end = answer.indexOf("\n");
      return end < 0 ? null : { result: answer.toString("utf8", 0, end) };
    },
  };
}

const httpTalk = (step: HttpStep): Talk<string> => wholeHttp(httpBytes(step.path, null));

/** A program as it is to be run: by a path of the instance, or found where programs are. */
export function wordsOf({ root, enclosure }: Scene, words: readonly string[]): [string, string[]] {
  const [name = "", ...rest] = words;
  const path = name.includes("/") ? below(enclosure?.root ?? root, name) : name;
  const [first = "", ...others] = [...(enclosure?.prefix ?? []), path, ...rest];
  return [first, others];
}

function program(scene: Scene, words: readonly string[], timeout: number): Promise<string> {
  const [first, rest] = wordsOf(scene, words);
  const options = { cwd: scene.root, timeout, encoding: "utf8" } as const;
  // What encloses a program is deaf to anything less, and ends all that is inside.
  const kill = { killSignal: "SIGKILL", signal: scene.runtime.signal } as const;
  const more = scene.enclosure && { ...kill, env: environment(scene) };
  return new Promise((resolve, reject) => {
    execFile(first, rest, { ...options, ...more }, (error, said, moaned) => {
      if (error === null) return resolve(said);
      // The words may hold a secret: a message has the program's name and what it said.
      const last = moaned.trim().split("\n").at(-1)?.slice(0, 200) ?? "";
      const why =
        typeof error.code === "number" ? `status ${error.code}` : (error.code ?? error.signal);
      const message = `${words[0]}: ${why ?? "did not end in time"}${last && `: ${last}`}`;
      reject(new Failure("not_still", message, error));
    });
  });
}

/** What a step answers; nothing, where it only takes time. */
async function ask(scene: Scene, step: Step, timeout: number): Promise<string> {
  const at = "socket" in step ? below(scene.root, step.socket) : "";
  switch (step.kind) {
    case "wait":
      await scene.runtime.clock.sleep(step.milliseconds);
      return "";
    case "command":
      return program(scene, step.command, timeout);
    case "redis": {
      const { send, count } = await redisBytes(scene, step);
      const take = (answer: Buffer) => {
        const texts = replies(answer, count);
        return texts === null ? null : { result: texts.join("\n") };
      };
      return converse(at, { send, take }, timeout);
    }
    case "rpc": {
      const said = await converse(at, rpcTalk(step), timeout);
      if (isRefusal(said)) throw new Failure("not_still", `${at}: ${said.trim()}`);
      return said;
    }
    case "http":
      return converse(at, httpTalk(step), timeout);
    case "postgres": {
      const socket = join(at, ".s.PGSQL.5432");
      return converse(socket, statement(step.user, step.database, step.query), timeout);
    }
  }
}

/** Does one step until it is observed; what is sought is looked for in every answer. */
export async function act(scene: Scene, step: Step, deadline: number): Promise<string> {
  const left = () => deadline - scene.runtime.clock.now();
  for (;;) {
    if (left() <= 0) throw new Failure("not_still", "a step was not observed in time");
    const said = await ask(scene, step, left());
    if (step.expect !== null && !said.includes(step.expect)) {
      throw new Failure("not_still", `answered ${JSON.stringify(said.slice(0, 60))}`);
    }
    if (step.until === null || said.includes(step.until)) return said;
    await scene.runtime.clock.sleep(BETWEEN);
  }
}

/** Does steps one after the other, all of them within `timeout` milliseconds. */
export async function actAll(scene: Scene, steps: readonly Step[], timeout: number): Promise<void> {
  const deadline = scene.runtime.clock.now() + timeout;
  try {
    for (const step of steps) await act(scene, step, deadline);
  } catch (error) {
    throw toFailure(error);
  }
}

/** A step as the watchdog can do it alone. */
export async function asUndo(scene: Scene, step: Step): Promise<Undo | null> {
  const at = "socket" in step ? below(scene.root, step.socket) : "";
  const expect = Buffer.from(step.expect ?? step.until ?? "");
  switch (step.kind) {
    case "wait":
      return null;
    case "command":
      return {
        kind: "run",
        command: step.command.map((w, i) =>
          i === 0 && w.includes("/") ? below(scene.root, w) : w,
        ),
      };
    case "redis":
      return { kind: "unix", at, send: (await redisBytes(scene, step)).send, expect };
    case "rpc":
      return { kind: "unix", at, send: rpcTalk(step).send, expect };
    case "http":
      return { kind: "unix", at, send: httpTalk(step).send, expect };
    case "postgres":
      throw new Failure("descriptor", "a PostgreSQL statement cannot undo a flush");
  }
}
