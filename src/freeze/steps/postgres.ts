/** The PostgreSQL protocol, as far as one statement of a trusted user needs it. */
import { Failure } from "../../base/failure.ts";
import type { Talk } from "./wire.ts";

const PROTOCOL = 196_608;

function message(kind: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(kind), length, body]);
}

function startup(user: string, database: string): Buffer {
  const version = Buffer.alloc(4);
  version.writeUInt32BE(PROTOCOL);
  const words = ["user", user, "database", database, "application_name", "holdall", ""];
  return message("", Buffer.concat([version, Buffer.from(`${words.join("\0")}\0`)]));
}

/** Whole messages, as kind and body. */
function messages(bytes: Buffer): [string, Buffer][] {
  const found: [string, Buffer][] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    found.push([String.fromCharCode(bytes[at] ?? 0), bytes.subarray(at + 5, end)]);
    at = end;
  }
  return found;
}

/** The first column of a row. */
function column(row: Buffer): string {
  const length = row.readInt32BE(2);
  return length < 0 ? "" : row.toString("utf8", 6, 6 + length);
}

/** The first columns of a statement's rows, a line each. */
export function statement(user: string, database: string, query: string): Talk<string> {
  let asked = false;
  return {
    send: startup(user, database),
    take(answer) {
      const all = messages(answer);
      const refused = all.find(([kind]) => kind === "E")?.[1];
      if (refused !== undefined) {
        const text = refused
          .toString("utf8")
          .split("\0")
          .find((field) => field.startsWith("M"));
        throw new Failure("not_still", text?.slice(1) ?? "refused");
      }
      const wants = all.find(([kind, body]) => kind === "R" && body.readUInt32BE(0) !== 0);
      if (wants !== undefined) throw new Failure("not_still", `${user} needs a password`);
      if (!all.some(([kind]) => kind === "Z")) return null;
      if (asked) {
        const rows = all.filter(([kind]) => kind === "D").map(([, body]) => column(body));
        return { result: rows.join("\n") };
      }
      asked = true;
      return { send: message("Q", Buffer.from(`${query}\0`)) };
    },
  };
}
