/** `sync` in the table of verbs, and the options of whatever opens two repositories. */
import { PACK_SIZE } from "./pack_size.ts";
import type { OptionRow, Verb } from "./verbs.ts";

/** How the repository that is only read is opened. */
export const FROM: readonly OptionRow[] = [
  { flags: "--from-passphrase-file <file>", about: "passphrase of FROM", completes: "file" },
  { flags: "--from-keyfile <file>", about: "key file of FROM", completes: "file" },
];

export const SYNC: Verb = {
  operands: "<from> <to> [snapshot...]",
  about: "copy snapshots from one repository into another",
  notes: [
    "Copies what TO does not have yet, oldest first, and removes nothing there. What was forgotten at TO stays so, unless it is named. Between a repository and its replica (init --replica-of) packs are copied whole; into any other repository everything is sealed anew. A sync that was interrupted goes on with the next one.",
    "A repository that the config file names is opened by its own secret; flags and environment open the others. What is damaged at FROM is listed, what does not need it is copied, and the exit status is 13.",
    "--dry-run says about how many bytes, requests and minutes it takes, and what that costs by the prices of the config file.",
  ],
  examples: [
    "holdall sync /backup/repo offsite",
    "holdall sync nas offsite --last 7 --dry-run",
    "holdall sync nas offsite --limit-upload '08-18 500k, 4M'",
  ],
  options: [
    { flags: "--last <n>", about: "the newest n only, of those that the rest lets through" },
    { flags: "--host <name>", about: "snapshots of this machine only" },
    { flags: "--path <path>", about: "that saved this path only", completes: "file" },
    { flags: "--tag <tag>", about: "with this tag only", many: true },
    { flags: "--dry-run", about: "say what it would take, copy nothing" },
    { flags: "--max-cost <amount>", about: "refuse to begin what costs more in its first month" },
    {
      flags: "--whole-packs <percent>",
      about: "copy a pack whole when so much of it is needed; 50 if not given, 101 for never",
    },
    { flags: "--level <n>", about: "zstd level of what is sealed anew", fallback: "3" },
    { flags: "--memory <MiB>", about: "most memory of the core, 72 at least" },
    PACK_SIZE,
    ...FROM,
  ],
  completes: "folder",
};
