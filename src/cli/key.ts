/** `holdall key` */
import { readFileSync } from "node:fs";
import { addKey, drill, Failure, listKeys, type Secret } from "../index.ts";
import { Session } from "./session.ts";
import { type Flags, findSecret, readKeyFile } from "./settings.ts";

interface KeyFlags extends Flags {
  newPassphraseFile?: string;
  newKeyfile?: string;
}

export async function run(flags: KeyFlags, [action]: string[]): Promise<number> {
  const session = new Session(flags);
  if (action === "drill") {
    const secret = await findSecret(flags, session.place);
    const snapshots = await drill(session.runtime, session.store(), secret);
    session.say(
      { event: "drill", kind: secret.kind, snapshots },
      `the ${secret.kind} opens the repository: ${snapshots} snapshots readable`,
    );
    return 0;
  }
  await using repository = await session.open();
  if (action === "list") {
    const rows = await listKeys(repository);
    session.say(
      rows,
      rows.map((r) => `${r.id}  ${r.kind}${r.problem ? `  (${r.problem})` : ""}`).join("\n"),
    );
    return rows.some((r) => r.problem) ? 13 : 0;
  }
  if (action !== "add") throw new Failure("usage", `${action}: key knows list, add and drill`);
  const added = newSecret(flags);
  await addKey(session.runtime, repository, added);
  session.say(
    { event: "key", added: added.kind },
    `a ${added.kind} slot was added; slots that exist keep working`,
  );
  return 0;
}

function newSecret(flags: KeyFlags): Secret {
  if (flags.newKeyfile !== undefined) return readKeyFile(flags.newKeyfile);
  if (flags.newPassphraseFile === undefined) {
    throw new Failure("usage", "key add needs --new-passphrase-file or --new-keyfile");
  }
  const text = readFileSync(flags.newPassphraseFile, "utf8").replace(/\r?\n$/, "");
  return { kind: "passphrase", bytes: Buffer.from(text) };
}
