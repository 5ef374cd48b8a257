/** Whether a service answers, asked in its own protocol. */
import { join } from "node:path";
import { database } from "./engines.ts";
import { type Place, socketsOf } from "./place.ts";
import { resp } from "./resp.ts";
import type { Service } from "./services.ts";
import { rpc } from "./socket.ts";

async function ping(socket: string): Promise<boolean> {
  using to = await resp(socket);
  return (await to.send("PING")) === "PONG";
}

async function asked(place: Place, name: string): Promise<boolean> {
  if (name === "hero_db" || name === "redis") {
    return ping(join(socketsOf(place, name), `${name}.sock`));
  }
  if (name === "postgres") {
    await (await database(place, "postgres")).end();
    return true;
  }
  using daemon = rpc(join(socketsOf(place, name), "rpc.sock"));
  return ((await daemon.get("/health")) as { status?: string }).status === "ok";
}

/** True when it answers; rejects with the reason when it cannot be reached. */
export const isReady = async (place: Place, service: Service): Promise<true | null> =>
  service.driver || (await asked(place, service.name)) ? true : null;
