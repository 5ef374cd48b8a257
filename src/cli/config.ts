/** The config file: named repositories, every field checked. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { Failure } from "../base/failure.ts";
import type { Prices, S3Settings } from "../index.ts";
import { readPrices } from "./rates.ts";

/** One named repository; paths are absolute. */
export interface Named extends S3Settings {
  readonly repository?: string;
  readonly passphraseFile?: string;
  readonly passphraseCommand?: string;
  readonly keyfile?: string;
  readonly limitUpload?: string;
  readonly limitDownload?: string;
  /** What its provider asks for. */
  readonly prices?: Prices;
}

/** What a field holds. */
const FIELDS: Record<Exclude<keyof Named, "prices">, "path" | "text" | "number" | "flag"> = {
  repository: "path",
  passphraseFile: "path",
  passphraseCommand: "text",
  keyfile: "path",
  limitUpload: "text",
  limitDownload: "text",
  endpoint: "text",
  region: "text",
  addressing: "text",
  plainHttp: "flag",
  profile: "text",
  accessKeyId: "text",
  secretAccessKey: "text",
  sessionToken: "text",
  storageClass: "text",
  lockDays: "number",
  lockMode: "text",
};

/** Whether a field's content is of its kind, and what is said when it is not. */
const KINDS = {
  path: [(c: unknown) => typeof c === "string" && c !== "", "not a text"],
  text: [(c: unknown) => typeof c === "string" && c !== "", "not a text"],
  number: [(c: unknown) => Number.isSafeInteger(c) && Number(c) > 0, "not a number above 0"],
  flag: [(c: unknown) => typeof c === "boolean", "neither true nor false"],
} as const;

function object(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Failure("config", `${where}: not an object`);
  }
  return value as Record<string, unknown>;
}

/** The text of a config file as named repositories; `path` is for messages and relative paths. */
export function parseConfig(text: string, path: string): Map<string, Named> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Failure("config", `${path}: no JSON: ${(error as Error).message.split("\n")[0]}`);
  }
  const top = object(parsed, path);
  for (const field of Object.keys(top)) {
    if (field !== "repositories") throw new Failure("config", `${path}: unknown field ${field}`);
  }
  const found = new Map<string, Named>();
  const repositories = object(top.repositories ?? {}, `${path}: repositories`);
  for (const [name, value] of Object.entries(repositories)) {
    found.set(name, named(value, `${path}: repositories.${name}`, dirname(path)));
  }
  return found;
}

function named(value: unknown, where: string, folder: string): Named {
  const fields: Record<string, unknown> = {};
  const { prices, ...others } = object(value, where);
  for (const [field, content] of Object.entries(others)) {
    if (!Object.hasOwn(FIELDS, field)) {
      throw new Failure("config", `${where}: unknown field ${field}`);
    }
    const kind = FIELDS[field as keyof typeof FIELDS];
    const [isRight, wrong] = KINDS[kind];
    if (!isRight(content)) throw new Failure("config", `${where}.${field}: ${wrong}`);
    const isPath = kind === "path" && !/^[a-z][a-z0-9]+:/.test(String(content));
    fields[field] = isPath ? resolve(folder, String(content)) : content;
  }
  if (fields.repository === undefined) {
    throw new Failure("config", `${where}: the field repository is missing`);
  }
  return prices === undefined
    ? fields
    : { ...fields, prices: readPrices(prices, `${where}.prices`) };
}

/** The named repositories of this user; none when there is no file and none was asked for. */
export function readConfig(): Map<string, Named> {
  const { HOLDALL_CONFIG: given, XDG_CONFIG_HOME: base } = process.env;
  const path = given || join(base || join(homedir(), ".config"), "holdall", "config.json");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (!given && (code === "ENOENT" || code === "ENOTDIR")) return new Map();
    throw new Failure("config", `${path}: ${message.replace(/^\w+: /, "").split(",")[0]}`);
  }
  return parseConfig(text, path);
}
