/** `holdall init` */
import { init, showRecoveryKey } from "../index.ts";
import { Session } from "./session.ts";
import { type Flags, findSecret } from "./settings.ts";

export async function run(flags: Flags): Promise<number> {
  const session = new Session(flags);
  const secret = await findSecret(flags, session.place, true);
  const { repository, fingerprint, recoveryKey } = await init(
    session.runtime,
    session.store(),
    secret,
  );
  const recovery = showRecoveryKey(recoveryKey);
  session.say(
    { event: "init", repository, fingerprint, recoveryKey: recovery },
    `repository made in ${repository}\n\nRecovery key, shown this once; write it down and keep it elsewhere:\n\n  ${recovery}\n`,
  );
  return 0;
}
