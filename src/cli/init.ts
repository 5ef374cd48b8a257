/** `holdall init` */
import { init, shown, showRecoveryKey } from "../index.ts";
import { Session } from "./session.ts";
import { type Flags, findSecret } from "./settings.ts";

export async function run(flags: Flags): Promise<number> {
  const session = new Session(flags);
  const store = session.store();
  const secret = await findSecret(flags, session.place, true);
  const { repository, fingerprint, recoveryKey } = await init(session.runtime, store, secret);
  const recovery = showRecoveryKey(recoveryKey);
  session.say(
    { event: "init", repository, fingerprint, recoveryKey: recovery },
    `repository made in ${shown(repository)}

Recovery key, shown this once; write it down and keep it elsewhere:

  ${recovery}
`,
  );
  return 0;
}
