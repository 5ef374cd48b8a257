/**
 * A host's logs and a maildir through several days: half of the services rotate their log by number
 * (every day renames all of them), half write one file a day; mail arrives, and read mail moves.
 */
import { writeFileSync } from "node:fs";
import { numbers, words } from "./seeded.ts";
import type { Drawing } from "./state.ts";

const DAYS = 5;
const PAST_DAYS = 6;
const SERVICES = 8;
const LINES_A_DAY = 36_000;
const MAILS = 20_000;
const MAILS_A_DAY = 500;

export function logsAndMail(scale: number, seed: string): Drawing {
  const lines = Math.ceil(LINES_A_DAY * scale);
  const days = Array.from({ length: DAYS }, (_, day) => {
    const state = new Map<string, string>();
    for (let service = 0; service < SERVICES; service++) layService(state, service, day);
    layMail(state, day, scale);
    return new Map([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
  });
  return {
    days,
    lay: (value, target) => {
      const [kind, ...of] = value.split(" ");
      writeFileSync(target, kind === "log" ? log(seed, of.join(" "), lines) : mail(seed, value));
    },
  };
}

/** Day 0 already has `PAST_DAYS` full days behind it. */
function layService(state: Map<string, string>, service: number, day: number): void {
  for (let age = 0; age <= PAST_DAYS; age++) {
    const date = PAST_DAYS + day - age;
    const numbered = age === 0 ? "current" : `current.${age}`;
    const name = service % 2 === 0 ? numbered : `2026-01-${String(date + 1).padStart(2, "0")}`;
    state.set(`log/service${service}/${name}.log`, `log ${service} ${date}`);
  }
}

function layMail(state: Map<string, string>, day: number, scale: number): void {
  const perDay = Math.ceil(MAILS_A_DAY * scale);
  const arrived = Math.ceil(MAILS * scale) + day * perDay;
  for (let mail = 0; mail < arrived; mail++) {
    const folder = `mail/user${mail % 20}`;
    const unread = arrived - mail <= perDay;
    state.set(`${folder}/${unread ? `new/${mail}.host` : `cur/${mail}.host:2,S`}`, `mail ${mail}`);
  }
}

function log(seed: string, of: string, lines: number): string {
  const draw = numbers(`${seed} log ${of}`);
  const word = words(`${seed} paths`);
  const paths = Array.from({ length: 400 }, () => `/${word()}/${word()}`);
  let time = 0;
  return Array.from({ length: lines }, () => {
    time += draw() * 4000;
    const path = paths[Math.floor(paths.length ** draw())] ?? "/";
    const status = draw() < 0.97 ? 200 : 404;
    const id = Math.floor(draw() * 2 ** 48).toString(16);
    const clock = new Date(1.767e12 + time).toISOString();
    return `${clock} INFO request=${id} path=${path} status=${status} ms=${(draw() * 90).toFixed(2)}\n`;
  }).join("");
}

function mail(seed: string, of: string): string {
  const draw = numbers(`${seed} ${of}`);
  const word = words(`${seed} ${of} words`);
  const text = Array.from({ length: 60 + Math.floor(1200 * draw() ** 2) }, word);
  const id = Math.floor(draw() * 2 ** 48).toString(16);
  const from = `${word()}@${word()}.example`;
  const head = `From: ${from}\nTo: user@host.example\nMessage-ID: <${id}@host.example>\n`;
  return `${head}Subject: ${text.slice(0, 6).join(" ")}\n\n${text.join(" ")}\n`;
}
