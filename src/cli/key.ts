/** `holdall key` */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import {
  addKey,
  drill,
  Failure,
  listKeys,
  removeKey,
  replaceKey,
  type Secret,
  type SlotRow,
  shown,
  showRecoveryKey,
  toBytes,
} from "../index.ts";
import { askPassphrase } from "./prompt.ts";
import { keyFile, passphrase, passphraseCommand, passphraseFile } from "./secrets.ts";
import { Session } from "./session.ts";
import { type Flags, findSecret } from "./settings.ts";
import { count } from "./words.ts";

interface KeyFlags extends Flags {
  newPassphraseFile?: string;
  newPassphraseCommand?: string;
  newKeyfile?: string;
  newRecovery?: boolean;
  force?: boolean;
}

type Action = (flags: KeyFlags, operand: string | undefined) => Promise<number>;

const REVOKES_NOTHING =
  "This revokes nothing that was copied before: whoever has the old secret and a copy of its slot holds the repository's key.";

const ACTIONS: Record<string, Action> = {
  list: listSlots,
  add,
  remove,
  passphrase: change,
  keyfile: async (flags, operand) => makeKeyFile(flags, operand),
  drill: prove,
};

export async function run(
  flags: KeyFlags,
  [name = "", operand, ...more]: string[],
): Promise<number> {
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (action === undefined) {
    throw new Failure("usage", `${name}: key knows ${Object.keys(ACTIONS).join(", ")}`);
  }
  const takes = name === "remove" || name === "keyfile" ? 1 : 0;
  const given = operand === undefined ? 0 : 1 + more.length;
  if (given !== takes) {
    throw new Failure("usage", `key ${name} takes ${takes === 0 ? "no operand" : "one operand"}`);
  }
  return action(flags, operand);
}

function slotText(row: SlotRow): string {
  const notes = [
    ...(row.inUse ? ["in use"] : []),
    ...(row.retired ? ["removed"] : []),
    ...(row.memoryKiB > 0 ? [`${row.memoryKiB >> 10} MiB to open`] : []),
    ...(row.problem === undefined ? [] : [shown(row.problem)]),
  ];
  return `${row.id}  ${row.kind.padEnd(10)}  ${notes.join(", ")}`.trimEnd();
}

async function listSlots(flags: KeyFlags): Promise<number> {
  const session = new Session(flags);
  await using repository = await session.open();
  const slots = await listKeys(repository);
  session.say({ event: "keys", slots }, slots.map(slotText).join("\n"));
  return slots.some((row) => row.problem !== undefined && !row.retired) ? 13 : 0;
}

/** The secret that the `--new-...` options give; a prompt when there are none. */
async function newSecret(flags: KeyFlags): Promise<Secret> {
  const given = (
    [
      [flags.newPassphraseFile, passphraseFile],
      [flags.newPassphraseCommand, (line) => passphraseCommand(toBytes(line).toString())],
      [flags.newKeyfile, keyFile],
      [flags.newRecovery ? "" : undefined, () => ({ kind: "recovery", bytes: randomBytes(32) })],
    ] satisfies [string | undefined, (value: string) => Secret][]
  ).filter(([value]) => value !== undefined);
  if (given.length > 1) throw new Failure("usage", "give one new secret at a time");
  const [value, read] = given[0] ?? [];
  if (value !== undefined && read !== undefined) return read(value);
  return passphrase(await askPassphrase("New passphrase", true));
}

function recoveryOf(secret: Secret): { recoveryKey?: string } {
  return secret.kind === "recovery" ? { recoveryKey: showRecoveryKey(secret.bytes) } : {};
}

function recoveryText({ recoveryKey }: { recoveryKey?: string }): string {
  return recoveryKey === undefined
    ? ""
    : `\n\nRecovery key, shown this once; write it down and keep it elsewhere:\n\n  ${recoveryKey}\n`;
}

async function add(flags: KeyFlags): Promise<number> {
  const session = new Session(flags);
  await using repository = await session.open();
  const secret = await newSecret(flags);
  const added = await addKey(session.runtime, repository, secret);
  const told = recoveryOf(secret);
  session.say(
    { event: "key", added, ...told },
    `key slot ${added} (${secret.kind}) added; the others keep working${recoveryText(told)}`,
  );
  return 0;
}

async function remove(flags: KeyFlags, id = ""): Promise<number> {
  const session = new Session(flags);
  await using repository = await session.open();
  const retired = await removeKey(repository, id, { force: flags.force === true });
  session.say(
    { event: "key", retired: [retired] },
    `key slot ${retired} removed: it is refused from now on\n${REVOKES_NOTHING}`,
  );
  return 0;
}

async function change(flags: KeyFlags): Promise<number> {
  const session = new Session(flags);
  await using repository = await session.open();
  const secret = await newSecret(flags);
  const { added, retired } = await replaceKey(session.runtime, repository, secret);
  const told = recoveryOf(secret);
  session.say(
    { event: "key", added, retired: [retired], ...told },
    `key slot ${added} (${secret.kind}) added, ${retired} removed\n${REVOKES_NOTHING}${recoveryText(told)}`,
  );
  return 0;
}

/** Needs no repository; never writes over a file. */
function makeKeyFile(flags: KeyFlags, path = ""): number {
  const file = openSync(toBytes(path), "wx", 0o600);
  try {
    writeSync(file, `${randomBytes(32).toString("hex")}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  const text = `key file ${shown(path)} made; let it in with: holdall key add --new-keyfile FILE`;
  process.stdout.write(
    flags.json ? `${JSON.stringify({ event: "key", keyfile: path })}\n` : `${text}\n`,
  );
  return 0;
}

async function prove(flags: KeyFlags): Promise<number> {
  const session = new Session(flags);
  const secret = await findSecret(flags, session.place);
  const result = await drill(session.runtime, session.store(), secret);
  const bad = result.unreadable > 0 ? `, ${result.unreadable} unreadable` : "";
  session.say(
    { event: "drill", kind: secret.kind, ...result },
    `the ${secret.kind} opens the repository through slot ${result.slot}: ${count(result.snapshots, "snapshot")} readable${bad}`,
  );
  return result.unreadable > 0 ? 13 : 0;
}
