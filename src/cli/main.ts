#!/usr/bin/env node
/** The command line: finds the command's file, runs it, and turns its failure into one line. */
import { Command, CommanderError, Option } from "commander";
import { type Failure, toFailure } from "../index.ts";
import type { Flags } from "./settings.ts";

const EXIT_STATUS = `
EXIT STATUS
  0    everything asked for was done and is durable
  1    it failed
  2    the command line is wrong
  3    some sources could not be read; the rest was saved
  10   there is no repository
  11   the repository needs a newer holdall, or asks for too much
  12   the secret is missing or wrong
  13   something stored is damaged or missing
  130  interrupted
`;

type Run = (
  flags: Flags & Record<string, unknown>,
  operands: string[],
  command: string[],
) => Promise<number>;

interface Verb {
  readonly usage: string;
  readonly about: string;
  readonly examples: string[];
  readonly options?: Option[];
  readonly load: () => Promise<{ run: Run }>;
}

const many = (value: string, before: string[] | undefined) => [...(before ?? []), value];
const repeated = (flags: string, about: string) => new Option(flags, about).argParser(many);

const VERBS: Record<string, Verb> = {
  init: {
    usage: "init",
    about: "make a repository and show its recovery key once",
    examples: ["holdall -r /backup/repo init"],
    load: () => import("./init.ts"),
  },
  backup: {
    usage: "backup [path...]",
    about: "save paths, standard input or a command's output as one snapshot",
    examples: ["holdall backup /srv /home", "holdall backup --command db.sql -- pg_dump shop"],
    options: [
      repeated("--exclude <pattern>", "leave out what matches (gitignore rules)"),
      new Option(
        "--ignore-file <name>",
        "obey files of this name in every folder (gitignore rules)",
      ),
      new Option("--exclude-caches", "leave out folders tagged as caches"),
      new Option("--one-file-system", "do not enter other file systems"),
      repeated("--tag <tag>", "mark the snapshot"),
      new Option("--stdin <name>", "save standard input under this name"),
      new Option("--command <name>", "save the output of the command after -- under this name"),
      new Option("--dry-run", "read and count, store nothing"),
      new Option("--force", "read every file again"),
      new Option("--host <name>", "name of this machine in the snapshot"),
      new Option("--level <n>", "zstd level").default("3"),
      new Option("--memory <MiB>", "most memory for packs being filled and sent").default("64"),
    ],
    load: () => import("./backup.ts"),
  },
  snapshots: {
    usage: "snapshots",
    about: "list snapshots",
    examples: ["holdall snapshots --json"],
    load: () => import("./snapshots.ts"),
  },
  ls: {
    usage: "ls <snapshot[:path]>",
    about: "list a folder of a snapshot",
    examples: ["holdall ls latest:/srv", "holdall ls -R '3d ago'"],
    options: [
      new Option("-R, --recursive", "with everything below"),
      new Option("-l, --long", "with mode, owner, size, time"),
    ],
    load: () => import("./ls.ts"),
  },
  find: {
    usage: "find <pattern...>",
    about: "find names in snapshots (* and ? stand for anything)",
    examples: ["holdall find '*.sql'"],
    options: [new Option("--snapshot <snapshot>", "look in this one only")],
    load: () => import("./find.ts"),
  },
  diff: {
    usage: "diff <snapshot> <snapshot-or-folder>",
    about: "show what differs: + added, - removed, C content, M metadata",
    examples: ["holdall diff 3f2a latest", "holdall diff latest /srv"],
    load: () => import("./diff.ts"),
  },
  cat: {
    usage: "cat <snapshot:path>",
    about: "write a file to standard output",
    examples: ["holdall cat latest:/etc/fstab"],
    load: () => import("./cat.ts"),
  },
  dump: {
    usage: "dump <snapshot[:path]>",
    about: "write a folder as tar to standard output",
    examples: ["holdall dump latest:/srv | tar t"],
    load: () => import("./dump.ts"),
  },
  restore: {
    usage: "restore <snapshot[:path]>",
    about: "bring a snapshot, or a path of it, back",
    examples: ["holdall restore latest --to /elsewhere", "holdall restore latest --in-place"],
    options: [
      new Option("--to <folder>", "restore below this folder"),
      new Option("--in-place", "restore where it came from"),
      new Option("--delete", "remove what the snapshot does not have"),
      new Option("--dry-run", "only say what it would take"),
    ],
    load: () => import("./restore.ts"),
  },
  check: {
    usage: "check",
    about: "prove that the snapshots can be restored",
    examples: ["holdall check", "holdall check --read", "holdall check --read 10%"],
    options: [
      new Option("--read [share]", "read stored bytes too: all, or a random share such as 10%"),
    ],
    load: () => import("./check.ts"),
  },
  stats: {
    usage: "stats",
    about: "how much is stored",
    examples: ["holdall stats"],
    load: () => import("./stats.ts"),
  },
  key: {
    usage: "key <list|add|drill>",
    about: "list key slots, add one, or prove that a secret opens the repository",
    examples: ["holdall key add --new-keyfile k", "holdall --recovery-key-file r.txt key drill"],
    options: [
      new Option("--new-passphrase-file <file>", "the passphrase to add"),
      new Option("--new-keyfile <file>", "the key file to add (64 hexadecimal digits)"),
    ],
    load: () => import("./key.ts"),
  },
};

function build(after: string[], finish: (status: number) => void): Command {
  const program = new Command("holdall")
    .description("Backups of a running instance: chunked, deduplicated, encrypted.")
    .version("0.1.0")
    .option(
      "-r, --repository <place>",
      "folder, or a name from the config file (HOLDALL_REPOSITORY)",
    )
    .option("--passphrase-file <file>", "file with the passphrase (HOLDALL_PASSPHRASE_FILE)")
    .option("--passphrase-command <command>", "command that prints it (HOLDALL_PASSPHRASE_COMMAND)")
    .option("--keyfile <file>", "key file instead of a passphrase (HOLDALL_KEYFILE)")
    .option("--recovery-key-file <file>", "file with the recovery key")
    .option("--json", "print JSON")
    .option("-q, --quiet", "print results and errors only")
    .option("--read-only", "refuse to write to the repository")
    .option("--limit-upload <rate>", "most bytes a second to the store, such as 2M")
    .option("--limit-download <rate>", "most bytes a second from the store")
    .addHelpText("after", EXIT_STATUS)
    .exitOverride();
  for (const verb of Object.values(VERBS)) {
    const command = program.command(verb.usage).description(verb.about).exitOverride();
    for (const option of verb.options ?? []) command.addOption(option);
    // Options of the program are understood after the verb, too.
    for (const option of program.options)
      if (option.long !== "--version") command.addOption(option);
    command.addHelpText(
      "after",
      `\nEXAMPLES\n${verb.examples.map((e) => `  ${e}`).join("\n")}\n${EXIT_STATUS}`,
    );
    command.action(async () => {
      const { run } = await verb.load();
      finish(await run({ ...program.opts(), ...command.opts() }, command.args, after));
    });
  }
  return program;
}

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  const split = argv.indexOf("--");
  const own = split < 0 ? argv : argv.slice(0, split);
  let status = 0;
  try {
    await build(split < 0 ? [] : argv.slice(split + 1), (s) => {
      status = s;
    }).parseAsync(own, { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return report(toFailure(error), argv.includes("--json"));
  }
}

function report(failure: Failure, json: boolean): number {
  const { code, message, hint, exit } = failure;
  if (json)
    process.stdout.write(`${JSON.stringify({ event: "error", code, message, hint, exit })}\n`);
  process.stderr.write(`holdall: ${message}\n${hint === "" ? "" : `  ${hint}\n`}`);
  if (process.env.HOLDALL_DEBUG) process.stderr.write(`${failure.stack}\n`);
  return exit;
}

// A reader that went away, such as `head`, is an ordinary end.
process.stdout.on("error", (error: NodeJS.ErrnoException) =>
  process.exit(error.code === "EPIPE" ? 0 : 1),
);
process.exitCode = await main();
