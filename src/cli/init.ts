/** `holdall init` */
import { type Capabilities, init, initReplica, shown, showRecoveryKey } from "../index.ts";
import { Session } from "./session.ts";
import { type Flags, findSecret } from "./settings.ts";
import { type FromFlags, openFrom } from "./sync.ts";

interface InitFlags extends Flags, FromFlags {
  replicaOf?: string;
}

export async function run(flags: InitFlags): Promise<number> {
  const session = new Session(flags);
  const store = session.store();
  if (flags.replicaOf !== undefined) {
    await using from = await openFrom(session, flags.replicaOf, flags);
    const { capabilities, ...made } = await initReplica(session.runtime, store, from.repository);
    session.say(
      { event: "init", ...made, recoveryKey: null, ...(capabilities && { capabilities }) },
      `replica made in ${shown(made.repository)}; what opens ${shown(from.repository.store.description)} opens it, the recovery key too`,
    );
    return 0;
  }
  const secret = await findSecret(flags, session.place, true);
  const made = await init(session.runtime, store, secret);
  const { repository, fingerprint, recoveryKey, capabilities } = made;
  const recovery = showRecoveryKey(recoveryKey);
  session.say(
    {
      event: "init",
      repository,
      fingerprint,
      recoveryKey: recovery,
      ...(capabilities && { capabilities }),
    },
    `repository made in ${shown(repository)}${capabilities ? `\n${can(capabilities)}` : ""}

Recovery key, shown this once; write it down and keep it elsewhere:

  ${recovery}
`,
  );
  return 0;
}

/** What a store was found to do, in words. */
function can(found: Capabilities): string {
  const words: [string, boolean][] = [
    ["conditional puts", found.conditions],
    ["checksums", found.checksums],
    ["versions", found.versioning],
    ["Object Lock", found.locks],
  ];
  const named = (is: boolean) => words.filter(([, has]) => has === is).map(([word]) => word);
  const [has, lacks] = [named(true).join(", "), named(false).join(", ")];
  return [has && `the store has: ${has}`, lacks && `it lacks, and nothing needs: ${lacks}`]
    .filter((line) => line !== "")
    .join("\n");
}
