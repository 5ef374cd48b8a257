/**
 * One HTTP exchange after the other; the only file that knows sockets.
 *
 * Invariants: no redirect is ever followed, so that credentials reach nobody but the endpoint; when
 * an exchange has ended, in whatever way, nothing reads the bytes of its body any more; a socket on
 * which nothing moves is given up.
 */
import { setMaxListeners } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import { type Body, piecesOf } from "../../base/body.ts";

export interface Ask {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body | undefined;
  readonly signal: AbortSignal;
  /** Most bytes of the answer's body. */
  readonly most: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<http.IncomingHttpHeaders>;
  readonly body: Buffer;
}

export interface Wire extends Disposable {
  exchange(ask: Ask): Promise<Answer>;
}

/** A body of this length or more is sent only when the server wants it. */
const ASKED_FIRST = 1 << 20;
/** A server that says neither yes nor no in this time gets the body all the same. */
const PATIENCE = 3000;

/** The network; `silence` is how long nothing may move, in milliseconds. */
export function openWire(silence = 60_000): Wire {
  const settings = { keepAlive: true, maxSockets: 256, scheduling: "lifo" } as const;
  const plain = new http.Agent(settings);
  const secure = new https.Agent(settings);
  return {
    exchange(ask) {
      const isSecure = ask.url.protocol === "https:";
      const { method, signal } = ask;
      // Every request under way listens to the one signal of the run.
      setMaxListeners(0, signal);
      const asksFirst = (ask.body?.length ?? 0) >= ASKED_FIRST;
      const headers = asksFirst ? { ...ask.headers, expect: "100-continue" } : ask.headers;
      const agent = isSecure ? secure : plain;
      const start = isSecure ? https.request : http.request;
      const request = start(ask.url, { method, headers, agent, signal, timeout: silence });
      return answerTo(request, ask, asksFirst, silence);
    },
    [Symbol.dispose]() {
      plain.destroy();
      secure.destroy();
    },
  };
}

function answerTo(
  request: http.ClientRequest,
  { method, body, most }: Ask,
  asksFirst: boolean,
  silence: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let silent: Error | undefined;
    request.on("timeout", () => {
      silent = coded("SILENT", `nothing moved for ${Math.round(silence / 1000)} s`);
      request.destroy(silent);
    });
    let waiting: NodeJS.Timeout | undefined;
    let sending: Promise<void> | undefined;
    const send = () => {
      clearTimeout(waiting);
      if (request.destroyed) return;
      if (body === undefined || body instanceof Uint8Array) request.end(body);
      else sending ??= inPieces(request, body);
    };
    const done = () => {
      clearTimeout(waiting);
      // An answer may come before all was sent: the body's memory is not ours after this.
      if (!request.writableFinished) request.destroy();
    };
    request.on("error", async (error) => {
      done();
      await sending;
      reject(silent ?? error);
    });
    request.on("response", (response) => {
      collect(response, method, most)
        .finally(async () => {
          done();
          await sending;
        })
        .then(
          (bytes) =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes }),
          (error: unknown) => reject(silent ?? error),
        );
    });
    if (!asksFirst) return send();
    request.once("continue", send);
    waiting = setTimeout(send, PATIENCE);
    request.flushHeaders();
  });
}

/** Sends a body that is read as it goes; what fails ends the request. */
async function inPieces(request: http.ClientRequest, body: Body): Promise<void> {
  try {
    for await (const piece of piecesOf(body)) await written(request, piece);
    request.end();
  } catch (error) {
    request.destroy(error as Error);
  }
}

/** Resolves when the bytes are the caller's again. */
function written(request: http.ClientRequest, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const cut = () => reject(coded("ECONNRESET", "the connection was cut"));
    request.once("close", cut);
    request.write(piece, (error) => {
      request.off("close", cut);
      if (error) reject(error);
      else resolve();
    });
  });
}

/** The whole body; one cut short is an error of the socket. */
async function collect(
  response: http.IncomingMessage,
  method: string,
  most: number,
): Promise<Buffer> {
  // An answer to HEAD announces a length that it does not have.
  const announced = method === "HEAD" ? 0 : Number(response.headers["content-length"] ?? 0);
  const parts: Buffer[] = [];
  let had = 0;
  if (announced <= most) {
    for await (const part of response as AsyncIterable<Buffer>) {
      had += part.length;
      if (had > most) break;
      parts.push(part);
    }
    if (had <= most) return Buffer.concat(parts, had);
  }
  response.destroy();
  throw coded("TOO_LONG", `an answer of more than ${most} bytes`);
}

const coded = (code: string, message: string) => Object.assign(new Error(message), { code });
