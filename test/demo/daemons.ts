/** Units of the small daemons: JSON-RPC with the context in a header. */
import { join } from "node:path";
import { type Operation, payload } from "./chain.ts";
import { type Place, socketsOf } from "./place.ts";
import { type Rpc, rpc } from "./socket.ts";
import { type Answer, serviceOf, type Unit } from "./unit.ts";

interface Spoken {
  readonly register?: boolean;
  write(daemon: Rpc, operation: Operation): Promise<unknown>;
  read(daemon: Rpc, chain: string): Promise<Answer>;
}

const socketOf = (place: Place, service: string) => join(socketsOf(place, service), "rpc.sock");

function unit(id: string, spoken: Spoken): Unit {
  const service = serviceOf(id);
  return {
    id,
    service,
    register: spoken.register ?? false,
    async prepare(place, contexts) {
      using daemon = rpc(socketOf(place, service));
      for (const name of contexts) await daemon.call("context.create", { name });
    },
    async connect(place, context) {
      const daemon = rpc(socketOf(place, service), context);
      return {
        write: async (operation) => void (await spoken.write(daemon, operation)),
        read: (chain) => spoken.read(daemon, chain.name),
        [Symbol.asyncDispose]: async () => daemon[Symbol.dispose](),
      };
    },
  };
}

const whole = (values: unknown): Answer => ({ values: values as string[], torn: [] });
const text = ({ chain, n }: Operation) => payload(chain.name, n);

const osis = unit("hero_osis/objects", {
  register: true,
  write: (daemon, op) =>
    daemon.call("object.put", { domain: "calendar", id: op.chain.name, value: text(op) }),
  async read(daemon, chain) {
    const ids = (await daemon.call("object.list", { domain: "calendar" })) as string[];
    if (!ids.includes(chain)) return whole([]);
    return whole([await daemon.call("object.get", { domain: "calendar", id: chain })]);
  },
});

interface Message {
  readonly number: number;
  readonly body: string;
  readonly wrong: string;
}

const collab = unit("hero_collab/db", {
  write: (daemon, op) =>
    daemon.call("message.post", {
      channel: op.chain.name,
      number: op.n,
      body: text(op),
      attachment: `${text(op)} attached`,
    }),
  async read(daemon, chain) {
    const rows = (await daemon.call("message.list", { channel: chain })) as Message[];
    const verdict = await daemon.call("integrity", {});
    const torn = rows
      .filter(({ wrong }) => wrong !== "")
      .map(({ number, wrong }) => `message ${number}: ${wrong}`);
    if (verdict !== "ok") torn.push(`integrity: ${verdict}`);
    return { values: rows.map(({ body }) => body), torn };
  },
});

const secrets = unit("hero_secrets/db", {
  write: (daemon, op) =>
    daemon.call("secret.put", { name: `${op.chain.name}/${op.n}`, value: text(op) }),
  read: async (daemon, chain) => whole(await daemon.call("secret.list", { prefix: `${chain}/` })),
});

const ledger = unit("hero_ledger/entries", {
  write: (daemon, op) =>
    daemon.call("entry.add", { book: op.chain.name, number: op.n, value: text(op) }),
  read: async (daemon, chain) => whole(await daemon.call("entry.list", { book: chain })),
});

const books = unit("hero_books/library", {
  write: (daemon, op) =>
    daemon.call("page.write", {
      book: op.chain.name,
      page: `page-${String(op.n).padStart(9, "0")}`,
      text: text(op),
    }),
  read: async (daemon, chain) => whole(await daemon.call("page.list", { book: chain })),
});

export const DAEMON_UNITS: readonly Unit[] = [osis, collab, secrets, ledger, books];
