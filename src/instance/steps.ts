/** Reads hooks: argument arrays and questions in a protocol, and how each is observed. */
import type { Capture, Drain, Flush, Hook, Schema, Step, Stop } from "./descriptor.ts";
import type { Table } from "./toml.ts";

const TIMEOUT = 10_000;
const SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
const ON_FAILURE = ["fail", "continue"] as const;

/** An argument array has a program; a text would be a line for a shell. */
export function command(table: Table, name: string): string[] {
  if (table.isText(name)) {
    throw table.fault(name, `${name} must be an array of arguments: nothing is given to a shell`);
  }
  const list = table.texts(name) ?? [];
  if (list[0] === undefined || list[0] === "") throw table.fault(name, `${name} names no program`);
  return list;
}

const observed = (table: Table) => ({
  expect: table.text("expect") ?? null,
  until: table.text("until") ?? null,
});

const redis = (table: Table): Step => ({
  kind: "redis",
  socket: table.needed("redis"),
  command: command(table, "command"),
  databases: table.texts("databases") ?? [],
  times: table.count("times") ?? 1,
  secretFile: table.text("secret-file") ?? null,
  auth: table.text("auth", "AUTH"),
  ...observed(table),
});

const rpc = (table: Table): Step => ({
  kind: "rpc",
  socket: table.needed("rpc"),
  path: table.text("path") ?? null,
  method: table.needed("method"),
  params: JSON.stringify(table.any("params") ?? {}),
  ...observed(table),
});

const postgres = (table: Table): Step => ({
  kind: "postgres",
  socket: table.needed("postgres"),
  database: table.text("database", "postgres"),
  user: table.text("user", "postgres"),
  query: table.needed("query"),
  ...observed(table),
});

/** What a step is, by the field that names its kind. */
const KINDS: Readonly<Record<string, (table: Table) => Step>> = {
  run: (table) => ({ kind: "command", command: command(table, "run"), ...observed(table) }),
  rpc,
  http: (table) => ({
    kind: "http",
    socket: table.needed("http"),
    path: table.text("path", "/health"),
    ...observed(table),
  }),
  redis,
  postgres,
  wait: (table) => ({ kind: "wait", milliseconds: table.count("wait") ?? 0, ...observed(table) }),
};

export function stepOf(table: Table): Step {
  const [kind, ...more] = Object.keys(KINDS).filter((name) => table.has(name));
  const read = KINDS[kind ?? ""];
  if (read === undefined || more.length > 0) {
    const kinds = Object.keys(KINDS).join(" ");
    throw table.fault(more[0] ?? "", `a step must have exactly one of: ${kinds}`);
  }
  const step = read(table);
  table.done();
  return step;
}

/** One step, as a table of its own. */
export function askOf(table: Table, name: string): Step | null {
  const inner = table.table(name);
  return inner === undefined ? null : stepOf(inner);
}

/** A hook: an argument array, or a table of steps, timeout and what its failure means. */
export function hookOf(table: Table, name: string, onFailure: Hook["onFailure"] = "fail") {
  if (!table.has(name)) return null;
  if (table.isList(name) || table.isText(name)) {
    const step: Step = {
      kind: "command",
      command: command(table, name),
      expect: null,
      until: null,
    };
    return { steps: [step], timeout: TIMEOUT, onFailure };
  }
  const inner = table.table(name);
  if (inner === undefined) return null;
  const hook = openHook(inner, onFailure);
  inner.done();
  return hook;
}

/** Takes a hook's own fields and leaves the table open for others. */
function openHook(table: Table, onFailure: Hook["onFailure"]): Hook {
  const steps = table.tables("steps").map(stepOf);
  if (steps.length === 0) throw table.fault("steps", `${table.what} has no steps`);
  return {
    steps,
    timeout: table.count("timeout") ?? TIMEOUT,
    onFailure: table.word("on-failure", ON_FAILURE) ?? onFailure,
  };
}

/** A flush of which nothing is observed is refused: nobody could tell that it happened. */
export function flushOf(table: Table): Flush | null {
  const inner = table.table("flush");
  if (inner === undefined) return null;
  const hook = openHook(inner, "fail");
  const undo = inner.tables("undo").map(stepOf);
  inner.done();
  if (!hook.steps.some((step) => step.expect !== null || step.until !== null)) {
    throw table.fault("flush", "flush is not observed: no step has expect or until");
  }
  return { ...hook, undo };
}

export function drainOf(table: Table): Drain | null {
  const inner = table.table("drain");
  if (inner === undefined) return null;
  const drain = {
    ask: askOf(inner, "ask"),
    steady: inner.count("steady") ?? 200,
    timeout: inner.count("timeout") ?? TIMEOUT,
  };
  inner.done();
  if (drain.steady === 0 || drain.steady >= drain.timeout) {
    throw inner.fault("steady", "steady must be above 0 and below timeout");
  }
  return drain;
}

/** Longer than other steps: it copies everything there is. */
const CAPTURE_TIMEOUT = 600_000;
const PLACEHOLDER = /\{(?!(?:path|to|space|space-to)\})[a-z-]+\}/;

/** Programs that copy: an argument array, or a table of steps that each run one. */
export function captureOf(table: Table): Capture | null {
  if (!table.has("capture")) return null;
  const plain = table.isList("capture") || table.isText("capture");
  const inner = plain ? undefined : table.table("capture");
  const commands =
    inner === undefined
      ? [command(table, "capture")]
      : inner.tables("steps").map((step) => {
          const words = command(step, "run");
          step.done();
          return words;
        });
  const timeout = inner?.count("timeout") ?? CAPTURE_TIMEOUT;
  inner?.done();
  const words = commands.flat();
  if (!words.some((word) => word.includes("{to}"))) {
    throw table.fault("capture", "capture says no place for the copy: no argument has {to}");
  }
  const unknown = words.map((word) => PLACEHOLDER.exec(word)?.[0]).find(Boolean);
  if (unknown !== undefined) throw table.fault("capture", `nothing stands for ${unknown}`);
  if (timeout === 0) throw table.fault("capture", "a capture needs a timeout above 0");
  return { commands, timeout };
}

export function stopOf(table: Table): Stop | null {
  const inner = table.table("stop");
  if (inner === undefined) return null;
  const stop = {
    signal: inner.word("signal", SIGNALS) ?? "SIGTERM",
    steps: inner.tables("steps").map(stepOf),
    timeout: inner.count("timeout") ?? TIMEOUT,
    exit: inner.count("exit") ?? null,
    absent: inner.texts("absent") ?? [],
  };
  inner.done();
  return stop;
}

/** `schema = "name"`, or a table with a step to ask. */
export function schemaOf(table: Table): Schema | null {
  if (!table.has("schema")) return null;
  if (table.isText("schema")) return { name: table.needed("schema"), ask: null };
  const inner = table.table("schema");
  if (inner === undefined) return null;
  const schema = { name: inner.text("name", ""), ask: askOf(inner, "ask") };
  inner.done();
  return schema;
}
