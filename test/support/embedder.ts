/** A program that uses Holdall as a library, by its package name and nothing else. */
import {
  backup,
  Failure,
  type HoldallEvent,
  init,
  list,
  openRepository,
  openStore,
  restore,
  selectSnapshot,
  systemRuntime,
} from "holdall";

const [folder = "", source = "", target = ""] = process.argv.slice(2);
const secret = { kind: "keyfile", bytes: Buffer.alloc(32, 7) } as const;
const events: HoldallEvent[] = [];
const emit = (event: HoldallEvent) => events.push(event);
const options = { paths: [Buffer.from(source)], host: "here", workers: 2, tool: "embedder" };

const runtime = systemRuntime({ emit });
await init(runtime, openStore(folder), secret);

/** Aborts as soon as the job tells how far it is. */
const abort = new AbortController();
const stopped = systemRuntime({
  signal: abort.signal,
  emit: (event) => {
    if (event.event === "phase" && event.phase === "save") setTimeout(() => abort.abort(), 5);
  },
});
let code = "none";
try {
  await using repository = await openRepository(openStore(folder), secret, stopped);
  await backup(stopped, repository, options);
} catch (error) {
  code = error instanceof Failure ? error.code : String(error);
}

await using repository = await openRepository(openStore(folder), secret, runtime);
const before = (await repository.snapshots()).snapshots.length;
const { snapshot, troubles } = await backup(runtime, repository, options);
const found = selectSnapshot(await repository.snapshots(), "latest", runtime.clock.now());
const names: string[] = [];
await list(repository, found, Buffer.from(source), true, (row) => names.push(String(row.path)));
const path = Buffer.from(source);
const restored = await restore(runtime, repository, snapshot, { path, target, workers: 2 });
const kinds = [...new Set(events.map((event) => event.event))];
const same = found.id.equals(snapshot.id);
console.log(JSON.stringify({ code, before, troubles, same, names: names.length, restored, kinds }));
