/** `holdall doctor` */
import { doctor, type Finding } from "../index.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";
import { size, table } from "./words.ts";

export async function run(flags: Flags, [place]: string[]): Promise<number> {
  const session = new Session(place === undefined ? flags : { ...flags, repository: place });
  await using store = session.store();
  const found = await doctor(session.runtime, store);
  const rows = found.findings.map(({ subject, verdict, text }: Finding) => [
    verdict,
    subject,
    text,
  ]);
  const { latency, up, down } = found;
  const speed = `a small read takes ${latency.toFixed(latency < 10 ? 1 : 0)} ms; ${size(up)} a second up, ${size(down)} down`;
  const unfit = found.findings.filter((f) => f.verdict === "unfit").length;
  const verdict = unfit === 0 ? "a repository is safe there" : "do not keep a repository there";
  session.say({ event: "doctor", ...found }, `${table(rows)}\n${speed}\n${verdict}`);
  return unfit === 0 ? 0 : 1;
}
