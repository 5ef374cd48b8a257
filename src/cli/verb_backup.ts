/** What `backup` is, as its help, its completion and the manual tell it. */
import { PACK_SIZE } from "./pack_size.ts";
import type { Verb } from "./verbs.ts";

export const BACKUP: Verb = {
  operands: "[path...]",
  about: "save paths, an instance or a stream as one snapshot",
  notes: [
    "Nothing is left out unless asked for. An unchanged file is not read again.",
    "Of an instance every unit is saved that cannot be made again; the others are listed with the reason. A context is taken alone only from units that keep contexts apart by path, file or database; others are refused by name.",
    "With --sync the backup is followed by a sync of all that the other repository lacks. Both are done whatever becomes of the other, both tell how they ended, and the exit status is that of the first that failed.",
    "Its services stand still for a moment: those that others depend on last, each engine flushed before it stops. Without --no-pause nothing is saved when they cannot; --dry-run tells whom it would stop, in what order, and each unit's level in itself and with the others.",
    "A unit whose descriptor has a capture is copied by its engine (level native, at a moment of its own): with --no-pause, with --native unless it must be cut with one that cannot be copied so, and when its service is the one that cannot stand still.",
    "With --verify each unit is tried on a clone of the cut as its descriptor says, where the running instance cannot be written to. When one does not come up no snapshot is made (status 25). What has no way to be tried is listed. Counts and digests that units answer are recorded, and compared by a restore.",
  ],
  examples: [
    "holdall backup /srv /home",
    "holdall backup --exclude '*.tmp' --exclude-caches /home",
    "pg_dump shop | holdall backup --stdin shop.sql",
    "holdall backup --command shop.sql -- pg_dump shop",
    "holdall backup --instance ~/hero --dry-run",
    "holdall backup --instance ~/hero --max-pause 2 --require process-crash",
    "holdall backup --instance ~/hero --service postgres --native --require native",
  ],
  options: [
    { flags: "--exclude <pattern>", about: "leave out what matches (gitignore rules)", many: true },
    {
      flags: "--ignore-file <name>",
      about: "obey files of this name in every folder (gitignore rules)",
    },
    { flags: "--exclude-caches", about: "leave out folders tagged as caches" },
    { flags: "--one-file-system", about: "do not enter other file systems" },
    { flags: "--tag <tag>", about: "mark the snapshot", many: true },
    { flags: "--instance <root>", about: "save the units of an instance", completes: "folder" },
    { flags: "--service <name>", about: "... of this service only", many: true },
    { flags: "--context <name>", about: "... of this context only", many: true },
    { flags: "--no-pause", about: "read an instance while its services run" },
    {
      flags: "--native",
      about: "have engines copy their units themselves, where their descriptors say how",
    },
    {
      flags: "--max-pause <seconds>",
      about: "longest time that its services may stand still",
      fallback: "5",
    },
    {
      flags: "--require <level>",
      about: "save no unit in a lower level, such as process-crash or 'process-crash,one moment'",
    },
    {
      flags: "--verify",
      about: "start the engines of an instance on a clone of the cut before it is saved",
    },
    { flags: "--stdin <name>", about: "save standard input under this name" },
    { flags: "--command <name>", about: "save the output of the command after -- under this name" },
    { flags: "--dry-run", about: "read and count, store nothing" },
    { flags: "--sync <place>", about: "then copy into this repository, too", many: true },
    { flags: "--force", about: "read every file again" },
    { flags: "--host <name>", about: "name of this machine in the snapshot" },
    { flags: "--level <n>", about: "zstd level, -7 to 19", fallback: "3" },
    {
      flags: "--memory <MiB>",
      about: "most memory of the core, 76 at least; with little, fewer workers run",
    },
    PACK_SIZE,
  ],
  completes: "file",
};
