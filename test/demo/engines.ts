/** Units of engines made by others: hero_redis, Redis, PostgreSQL, each in its own protocol. */
import { join } from "node:path";
import { Client } from "pg";
import { payload } from "./chain.ts";
import { POSTGRES_USER } from "./config.ts";
import { CONTEXTS, type Context, type Place, secret, socketsOf } from "./place.ts";
import { type Resp, resp } from "./resp.ts";
import { shortFolder } from "./socket.ts";
import type { Unit } from "./unit.ts";

async function expect(resp: Resp, answer: string, ...words: string[]): Promise<void> {
  const reply = await resp.send(...words);
  if (reply !== answer) throw new Error(`${words[0]} answered ${JSON.stringify(reply)}`);
}

const strings = (reply: unknown): string[] =>
  Array.isArray(reply) ? reply.map((one) => String(one)) : [];

/** The administrator's connection: who selects a database must look at the answer. */
async function administrator(place: Place): Promise<Resp> {
  const to = await resp(join(socketsOf(place, "hero_db"), "hero_db.sock"));
  await expect(to, "OK", "SAUTH", secret(place, "hero_db admin"));
  return to;
}

/** Contexts are databases, numbered from 1 in the order in which they were made. */
const heroDb: Unit = {
  id: "hero_db/databases",
  service: "hero_db",
  register: false,
  async prepare(place, contexts) {
    using admin = await administrator(place);
    for (const context of contexts) {
      const number = await admin.send("DATABASE.CREATE", secret(place, `hero_db ${context}`));
      if (Number(number) !== CONTEXTS.indexOf(context) + 1) {
        throw new Error(`${context} became database ${JSON.stringify(number)}`);
      }
    }
  },
  async connect(place, context) {
    const to = await administrator(place);
    // A database that nobody uses for minutes is closed, and its number then leads nowhere.
    const select = () => expect(to, "OK", "SELECT", String(CONTEXTS.indexOf(context) + 1));
    await select();
    return {
      async write({ chain, n }) {
        await to.send("RPUSH", `chain:${chain.name}`, payload(chain.name, n));
      },
      async read(chain) {
        await select();
        const reply = await to.send("LRANGE", `chain:${chain.name}`, "0", "-1");
        return { values: strings(reply), torn: [] };
      },
      [Symbol.asyncDispose]: async () => to[Symbol.dispose](),
    };
  },
};

/** Contexts are prefixes of keys. */
const redis: Unit = {
  id: "redis/aof",
  service: "redis",
  register: false,
  async prepare(place, contexts) {
    using to = await resp(join(socketsOf(place, "redis"), "redis.sock"));
    for (const context of contexts) await to.send("SADD", "contexts", context);
  },
  async connect(place, context) {
    const to = await resp(join(socketsOf(place, "redis"), "redis.sock"));
    const key = (chain: string) => `${context}:chain:${chain}`;
    return {
      async write({ chain, n }) {
        await to.send("RPUSH", key(chain.name), payload(chain.name, n));
      },
      read: async (chain) => ({
        values: strings(await to.send("LRANGE", key(chain.name), "0", "-1")),
        torn: [],
      }),
      [Symbol.asyncDispose]: async () => to[Symbol.dispose](),
    };
  },
};

/** Opens one database; `root` is a name like any other there. */
export async function database(place: Place, name: string): Promise<Client> {
  using folder = shortFolder(socketsOf(place, "postgres"));
  const client = new Client({ host: folder.path, user: POSTGRES_USER, database: name });
  // A server that ends tells its clients so, whether they are asking something or not.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** Tables of the contexts; their databases come with the cluster. */
async function prepareCluster(place: Place, contexts: readonly Context[]): Promise<void> {
  for (const context of contexts) {
    const client = await database(place, context);
    try {
      await client.query(
        "CREATE TABLE operations (id bigserial PRIMARY KEY, chain text NOT NULL," +
          " value text NOT NULL) TABLESPACE space",
      );
      await client.query("CREATE INDEX ON operations (chain, id)");
    } finally {
      await client.end();
    }
  }
}

/** Contexts are databases; the rows lie in a tablespace. */
const postgres: Unit = {
  id: "postgres/cluster",
  service: "postgres",
  register: false,
  prepare: prepareCluster,
  async connect(place, context) {
    const client = await database(place, context);
    return {
      async write({ chain, n }) {
        const row = [chain.name, payload(chain.name, n)];
        await client.query("INSERT INTO operations (chain, value) VALUES ($1, $2)", row);
      },
      async read(chain) {
        const select = "SELECT value FROM operations WHERE chain = $1 ORDER BY id";
        const { rows } = await client.query<{ value: string }>(select, [chain.name]);
        return { values: rows.map(({ value }) => value), torn: [] };
      },
      [Symbol.asyncDispose]: () => client.end(),
    };
  },
};

export const ENGINE_UNITS: readonly Unit[] = [heroDb, redis, postgres];
