/** Unix sockets below folders of any length, and JSON-RPC over HTTP on them. */
import { closeSync, constants, openSync } from "node:fs";
import { Agent, request } from "node:http";
import { basename, dirname } from "node:path";

/**
 * A folder by a short name: an address holds 107 bytes, and a root may be longer. The name works
 * in this process until it is disposed of.
 */
export function shortFolder(path: string): { path: string } & Disposable {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${fd}`, [Symbol.dispose]: () => closeSync(fd) };
}

export interface Rpc extends Disposable {
  /** The result of a method; its error, or a connection that ends, rejects. */
  call(method: string, params: object): Promise<unknown>;
  /** A page as JSON. */
  get(path: string): Promise<unknown>;
}

interface Answer {
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** Speaks to a daemon in the name of a context, over one connection. */
export function rpc(socket: string, context = "root"): Rpc {
  const folder = shortFolder(dirname(socket));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const socketPath = `${folder.path}/${basename(socket)}`;
  const send = (method: string, path: string, body: string): Promise<unknown> =>
    new Promise((done, fail) => {
      const headers = { "X-Hero-Context": context, "Content-Length": Buffer.byteLength(body) };
      const sent = request({ socketPath, agent, method, path, headers }, (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("error", fail);
        response.on("end", () => {
          const text = Buffer.concat(pieces).toString();
          if (response.statusCode === 200) done(JSON.parse(text));
          else fail(new Error(`${path} answered ${response.statusCode}`));
        });
      });
      sent.on("error", fail);
      sent.end(body);
    });
  return {
    async call(method, params) {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
      const answer = (await send("POST", "/", body)) as Answer;
      if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
      return answer.result;
    },
    get: (path) => send("GET", path, ""),
    [Symbol.dispose]() {
      agent.destroy();
      folder[Symbol.dispose]();
    },
  };
}
