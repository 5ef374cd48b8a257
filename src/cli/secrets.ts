/** Secrets from files, commands and the terminal; never from the value of a flag. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Failure, readRecoveryKey, type Secret, toBytes } from "../index.ts";

function readText(path: string): string {
  try {
    return readFileSync(toBytes(path), "utf8");
  } catch (error) {
    const reason = (error as Error).message.replace(/^\w+: /, "").split(",")[0];
    throw new Failure("no_secret", `${path}: ${reason}`);
  }
}

/** Only the line end that editors add is no part of a passphrase. */
export function passphrase(text: string): Secret {
  const bytes = Buffer.from(text.replace(/\r?\n$/, ""), "utf8");
  if (bytes.length === 0) throw new Failure("no_secret", "the passphrase is empty");
  return { kind: "passphrase", bytes };
}

export const passphraseFile = (path: string): Secret => passphrase(readText(path));

/** A key file holds 64 hexadecimal digits: 32 bytes. */
export function keyFile(path: string): Secret {
  const text = readText(path).trim();
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    throw new Failure("no_secret", `${path}: a key file holds 64 hexadecimal digits`);
  }
  return { kind: "keyfile", bytes: Buffer.from(text, "hex") };
}

export function recoveryKeyFile(path: string): Secret {
  return { kind: "recovery", bytes: readRecoveryKey(readText(path)) };
}

/** A line for /bin/sh; its standard error is shown, its standard input is empty. */
export function passphraseCommand(line: string): Secret {
  let output: string;
  try {
    const stdio = ["ignore", "pipe", "inherit"] as ["ignore", "pipe", "inherit"];
    output = execFileSync("/bin/sh", ["-c", line], { encoding: "utf8", stdio });
  } catch {
    throw new Failure("no_secret", `the passphrase command failed: ${line}`);
  }
  return passphrase(output);
}
