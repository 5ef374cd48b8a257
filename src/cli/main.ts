#!/usr/bin/env node
/**
 * The command line: finds the verb's file, runs it, and turns its failure into one line.
 *
 * Nothing heavy is imported here: what only names or describes verbs must answer at once.
 */
import { existsSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import { Failure, toFailure } from "../base/failure.ts";
import { VERSION } from "../base/version.ts";
import { losslessArguments } from "./arguments.ts";
import { programHelp, verbHelp } from "./help.ts";
import { aborted, whenOverdue } from "./interrupt.ts";
import { LOAD } from "./load.ts";
import { report } from "./report.ts";
import { stateFolder } from "./settings.ts";
import { width } from "./terminal.ts";
import { GLOBAL_OPTIONS, type OptionRow, VERBS } from "./verbs.ts";

const many = (value: string, before: string[] | undefined) => [...(before ?? []), value];

function option({ flags, about, many: repeated, fallback }: OptionRow): Option {
  const made = new Option(flags, about);
  if (repeated) made.argParser(many);
  if (fallback !== undefined) made.default(fallback);
  return made;
}

/** The verbs that words can mean: to describe all of them to the parser takes its time. */
function meant(words: readonly string[]) {
  const all = Object.entries(VERBS);
  const named = all.filter(([name]) => words.includes(name));
  return named.length > 0 ? named : all;
}

function build(words: string[], after: string[], finish: (status: number) => void): Command {
  const program = new Command("holdall").version(VERSION);
  const silent = { writeErr: () => undefined };
  const columns = width(process.stdout);
  program.exitOverride().configureOutput(silent).helpCommand("help [verb]");
  program.helpInformation = () => programHelp(columns);
  for (const row of GLOBAL_OPTIONS) program.addOption(option(row));
  for (const [name, verb] of meant(words)) {
    const command = program.command(`${name} ${verb.operands}`.trimEnd());
    command.exitOverride().configureOutput(silent);
    command.helpInformation = () => verbHelp(name, columns);
    // Options of the program are understood after the verb, too.
    for (const row of [...(verb.options ?? []), ...GLOBAL_OPTIONS]) command.addOption(option(row));
    command.action(async () => {
      const load = LOAD[name];
      if (load === undefined) throw new Failure("internal", `${name} has no code`);
      if (name !== "thaw" && existsSync(stateFolder()))
        await (await import("./thaw.ts")).mendLeft();
      const { run } = await load();
      const operands = name === "backup" ? command.args : [...command.args, ...after];
      finish(await run({ ...program.opts(), ...command.opts() }, operands, after));
    });
  }
  return program;
}

async function main(): Promise<number> {
  const argv = losslessArguments();
  const split = argv.indexOf("--");
  const own = split < 0 ? argv : argv.slice(0, split);
  if (own.length === 0) own.push("--help");
  const json = own.includes("--json");
  whenOverdue(() => process.exit(report(INTERRUPTED, json)));
  let status = 0;
  try {
    const finish = (s: number) => {
      status = s;
    };
    const after = split < 0 ? [] : argv.slice(split + 1);
    await build(own, after, finish).parseAsync(own, { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return report(failureOf(error, own), json);
  }
}

const INTERRUPTED = new Failure("interrupted", "interrupted");

function failureOf(error: unknown, words: readonly string[]): Failure {
  if (error instanceof CommanderError) {
    if (error.code === "commander.help") {
      return new Failure("usage", `unknown command '${words[words.indexOf("help") + 1]}'`);
    }
    const text = error.message.replace(/^error: /, "").replaceAll("\n", " ");
    return new Failure("usage", text.charAt(0).toLowerCase() + text.slice(1));
  }
  // What was under way fails in its own way when it is stopped.
  if (aborted()) return INTERRUPTED;
  return toFailure(error);
}

// A reader that went away, such as `head`, is an ordinary end.
process.stdout.on("error", (error: NodeJS.ErrnoException) =>
  process.exit(error.code === "EPIPE" ? 0 : 1),
);
process.exitCode = await main();
