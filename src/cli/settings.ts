/** Where repository and secret come from: flags, then environment, then the config file. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { Failure, readRecoveryKey, type Secret } from "../index.ts";

export interface Flags {
  repository?: string;
  passphraseFile?: string;
  passphraseCommand?: string;
  keyfile?: string;
  recoveryKeyFile?: string;
  json?: boolean;
  quiet?: boolean;
  readOnly?: boolean;
  limitUpload?: string;
  limitDownload?: string;
}

/** One named repository of the config file. */
interface Named {
  repository?: string;
  passphraseFile?: string;
  passphraseCommand?: string;
  keyfile?: string;
}

function configFile(): Record<string, Named> {
  const base = process.env.XDG_CONFIG_HOME ?? join(homedir(), ".config");
  const path = process.env.HOLDALL_CONFIG ?? join(base, "holdall", "config.json");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return {};
  }
  try {
    return (JSON.parse(text) as { repositories?: Record<string, Named> }).repositories ?? {};
  } catch (error) {
    throw new Failure("usage", `${path}: ${(error as Error).message}`);
  }
}

export interface Place {
  readonly address: string;
  readonly named: Named;
}

export function findRepository(flags: Flags): Place {
  const given = flags.repository ?? process.env.HOLDALL_REPOSITORY;
  if (given === undefined || given === "") {
    throw new Failure("usage", "no repository given: use -r PATH or set HOLDALL_REPOSITORY");
  }
  const named = configFile()[given];
  return { address: named?.repository ?? given, named: named ?? {} };
}

/** Flags win over environment, environment over the named repository, and a prompt comes last. */
export async function findSecret(flags: Flags, place: Place, confirm = false): Promise<Secret> {
  const env = process.env;
  const sources: [string | undefined, (value: string) => Secret][] = [
    [
      flags.recoveryKeyFile,
      (path) => ({ kind: "recovery", bytes: readRecoveryKey(readText(path)) }),
    ],
    [flags.keyfile, readKeyFile],
    [flags.passphraseFile, (path) => passphrase(readText(path))],
    [flags.passphraseCommand, (line) => passphrase(runCommand(line))],
    [env.HOLDALL_KEYFILE, readKeyFile],
    [env.HOLDALL_PASSPHRASE_FILE, (path) => passphrase(readText(path))],
    [env.HOLDALL_PASSPHRASE_COMMAND, (line) => passphrase(runCommand(line))],
    [env.HOLDALL_PASSPHRASE, passphrase],
    [place.named.keyfile, readKeyFile],
    [place.named.passphraseFile, (path) => passphrase(readText(path))],
    [place.named.passphraseCommand, (line) => passphrase(runCommand(line))],
  ];
  for (const [value, read] of sources) if (value !== undefined) return read(value);
  return passphrase(await ask(confirm));
}

/** Only the line end that editors add is no part of a passphrase. */
function passphrase(text: string): Secret {
  const bytes = Buffer.from(text.replace(/\r?\n$/, ""), "utf8");
  if (bytes.length === 0) throw new Failure("no_secret", "the passphrase is empty");
  return { kind: "passphrase", bytes };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Failure("no_secret", `${path}: ${(error as Error).message.split(",")[0]}`);
  }
}

/** A key file holds 64 hexadecimal digits: 32 bytes. */
export function readKeyFile(path: string): Secret {
  const text = readText(path).trim();
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    throw new Failure("no_secret", `${path}: a key file holds 64 hexadecimal digits`);
  }
  return { kind: "keyfile", bytes: Buffer.from(text, "hex") };
}

function runCommand(line: string): string {
  try {
    return execFileSync("/bin/sh", ["-c", line], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
  } catch {
    throw new Failure("no_secret", `the passphrase command failed: ${line}`);
  }
}

async function ask(confirm: boolean): Promise<string> {
  if (!process.stdin.isTTY)
    throw new Failure("no_secret", "no secret given and no terminal to ask on");
  const once = (prompt: string) =>
    new Promise<string>((resolve) => {
      process.stderr.write(prompt);
      const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
      const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
      lines.question("", (answer) => {
        lines.close();
        process.stderr.write("\n");
        resolve(answer);
      });
    });
  const first = await once("Passphrase: ");
  if (confirm && (await once("The same again: ")) !== first) {
    throw new Failure("usage", "the two passphrases differ");
  }
  return first;
}
