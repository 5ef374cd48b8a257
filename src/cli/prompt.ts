/** Asks on the terminal itself, without echo; standard input may be data. */
import { openSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";
import { ReadStream } from "node:tty";
import { Failure } from "../base/failure.ts";

function terminal(): ReadStream {
  try {
    return new ReadStream(openSync("/dev/tty", "r+"));
  } catch (error) {
    throw new Failure("no_secret", "no secret given, and no terminal to ask on", error);
  }
}

function question(lines: Interface, prompt: string): Promise<string> {
  return new Promise((resolve, reject) => {
    process.stderr.write(prompt);
    const gone = () => reject(new Failure("no_secret", "no passphrase was typed"));
    lines.once("close", gone);
    lines.once("SIGINT", () => reject(new Failure("interrupted", "interrupted")));
    lines.question("", (answer) => {
      lines.removeListener("close", gone);
      resolve(answer);
    });
  }).finally(() => process.stderr.write("\n")) as Promise<string>;
}

/** A typed passphrase; `twice` asks again and refuses a difference. */
export async function askPassphrase(prompt: string, twice: boolean): Promise<string> {
  const input = terminal();
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output, terminal: true, historySize: 0 });
  try {
    const first = await question(lines, `${prompt}: `);
    if (twice && (await question(lines, "The same again: ")) !== first) {
      throw new Failure("usage", "the two passphrases differ");
    }
    return first;
  } finally {
    lines.close();
    input.destroy();
  }
}
