/** Where repository and secret come from: flags, environment, the config file, then a prompt. */
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { Failure, type Secret, toBytes } from "../index.ts";
import { utf8 } from "./arguments.ts";
import { type Named, readConfig } from "./config.ts";
import {
  keyFile,
  passphrase,
  passphraseCommand,
  passphraseFile,
  recoveryKeyFile,
} from "./secrets.ts";

export interface Flags {
  repository?: string;
  passphraseFile?: string;
  passphraseCommand?: string;
  keyfile?: string;
  recoveryKeyFile?: string;
  json?: boolean;
  quiet?: boolean;
  readOnly?: boolean;
  /** False for `--no-cache`. */
  cache?: boolean;
  limitUpload?: string;
  limitDownload?: string;
}

/** The folder of all local caches. */
export function cacheBase(): string {
  const { HOLDALL_CACHE: own, XDG_CACHE_HOME: shared } = process.env;
  return own || join(shared || join(homedir(), ".cache"), "holdall");
}

/** Folder of what a barrier under way leaves for others; it ends with the machine's run. */
export function stateFolder(): string {
  const { HOLDALL_STATE: own, XDG_RUNTIME_DIR: shared } = process.env;
  if (own) return own;
  const user = process.getuid?.() ?? 0;
  if (user === 0) return "/run/holdall";
  return shared ? join(shared, "holdall") : join(tmpdir(), `holdall-${user}`);
}

export interface Place {
  readonly address: string;
  readonly named: Named;
}

export function findRepository(flags: Flags): Place {
  const given = flags.repository ?? process.env.HOLDALL_REPOSITORY;
  if (given === undefined || given === "") {
    throw new Failure("usage", "no repository given: use -r PLACE or set HOLDALL_REPOSITORY");
  }
  const named = readConfig().get(given);
  return { address: named?.repository ?? utf8(given, "repository"), named: named ?? {} };
}

type Source = readonly [string | undefined, (value: string) => Secret];

/** The first secret that a group of sources gives. */
function first(sources: readonly Source[]): Secret | undefined {
  const [value, read] = sources.find(([v]) => v !== undefined && v !== "") ?? [];
  return value === undefined ? undefined : read?.(value);
}

/**
 * Flags win over the environment, that over the named repository, and a prompt comes last. Where
 * two repositories are opened, what is said of one by its name wins (`own`).
 */
export async function findSecret(
  flags: Flags,
  { named }: Place,
  twice = false,
  own = false,
): Promise<Secret> {
  const env = process.env;
  const flagged: Source[] = [
    [flags.recoveryKeyFile, recoveryKeyFile],
    [flags.keyfile, keyFile],
    [flags.passphraseFile, passphraseFile],
    [flags.passphraseCommand, (line) => passphraseCommand(toBytes(line).toString())],
  ];
  const fromEnvironment: Source[] = [
    [env.HOLDALL_KEYFILE, keyFile],
    [env.HOLDALL_PASSPHRASE_FILE, passphraseFile],
    [env.HOLDALL_PASSPHRASE_COMMAND, passphraseCommand],
    [env.HOLDALL_PASSPHRASE, passphrase],
  ];
  const fromFile: Source[] = [
    [named.keyfile, keyFile],
    [named.passphraseFile, passphraseFile],
    [named.passphraseCommand, passphraseCommand],
  ];
  if (flagged.filter(([value]) => value !== undefined).length > 1) {
    throw new Failure("usage", "the flags give more than one secret");
  }
  const given =
    (own ? first(fromFile) : undefined) ??
    first(flagged) ??
    first(fromEnvironment) ??
    first(fromFile);
  if (given !== undefined) return given;
  // Terminal modules cost some of each start: only a prompt loads them.
  const { askPassphrase } = await import("./prompt.ts");
  return passphrase(await askPassphrase("Passphrase", twice));
}
