/** What belongs to an instance and lies in none of its units: told, so that nobody forgets it. */
import { readdir, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { isWithin } from "../base/path.ts";
import type { Engine } from "../base/state.ts";
import type { Outside } from "./facts.ts";

/** Longer files are not read for what they mention. */
const LONGEST = 256 << 10;

const UNITS = [
  "/etc/systemd/system",
  "/usr/lib/systemd/system",
  "/run/systemd/system",
  join(homedir(), ".config/systemd/user"),
];
const CRON = ["/etc/crontab", "/etc/cron.d", "/var/spool/cron/crontabs", "/var/spool/cron"];

/** Debian packages that bring an engine. */
const PACKAGES: Partial<Record<Engine, RegExp>> = {
  redis: /^redis-server$/,
  postgres: /^postgresql-\d+$/,
  git: /^git$/,
  sqlite: /^libsqlite3-0$/,
  lmdb: /^liblmdb0$/,
};

async function textOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isFile() || found.size > LONGEST) return "";
  return readFile(path, "utf8").catch(() => "");
}

/** A file, or the files of a folder. */
async function filesIn(place: string): Promise<string[]> {
  const found = await stat(place).catch(() => null);
  if (found?.isFile()) return [place];
  const names = await readdir(place).catch(() => [] as string[]);
  return names.sort().map((name) => join(place, name));
}

async function mentions(
  kind: Outside["kind"],
  places: readonly string[],
  root: string,
): Promise<Outside[]> {
  const found: Outside[] = [];
  for (const place of places) {
    for (const path of await filesIn(place)) {
      if ((await textOf(path)).includes(root)) found.push({ kind, name: path, detail: "names it" });
    }
  }
  return found;
}

/** Names of numbers by a table such as `/etc/passwd`. */
async function names(
  kind: "user" | "group",
  table: string,
  ids: ReadonlySet<number>,
): Promise<Outside[]> {
  const rows = (await textOf(table)).split("\n").map((line) => line.split(":"));
  return [...ids]
    .sort((a, b) => a - b)
    .map((id) => ({
      kind,
      name: rows.find(([, , number]) => number === String(id))?.[0] ?? "(no name)",
      detail: `number ${id}`,
    }));
}

async function packages(engines: ReadonlySet<Engine>): Promise<Outside[]> {
  const status = await readFile("/var/lib/dpkg/status", "utf8").catch(() => "");
  const wanted = [...engines].flatMap((engine) => PACKAGES[engine] ?? []);
  return status.split("\n\n").flatMap((entry) => {
    const name = /^Package: (.+)$/m.exec(entry)?.[1] ?? "";
    const version = /^Version: (.+)$/m.exec(entry)?.[1] ?? "";
    const installed = /^Status: install ok installed$/m.test(entry);
    if (!installed || !wanted.some((pattern) => pattern.test(name))) return [];
    return [{ kind: "package" as const, name, detail: version }];
  });
}

const CERTIFICATE = /\/[\w./-]+\.(?:pem|crt|cert|key)\b/g;
const CREDENTIAL =
  /\b(?:password|passwd|secret|token|api[_-]?key)["']?\s*[:=]|:\/\/[^/\s:@]+:[^/\s@]+@/i;

/** What config names elsewhere, and what it embeds; what it says is never told. */
async function config({ root, configs, isSecret }: Known): Promise<Outside[]> {
  const cfg = await readdir(join(root, "cfg"), { recursive: true }).catch(() => [] as string[]);
  const found = new Map<string, Outside>();
  for (const path of [...cfg.sort().map((name) => join("cfg", name)), ...configs]) {
    const text = await textOf(join(root, path));
    for (const [name] of text.matchAll(CERTIFICATE)) {
      const detail = `named by ${path}`;
      if (!name.startsWith(`${root}/`)) found.set(name, { kind: "certificate", name, detail });
    }
    if (!isSecret(path) && CREDENTIAL.test(text)) {
      found.set(path, { kind: "credential", name: path, detail: "embeds secrets" });
    }
  }
  return [...found.values()];
}

export interface Known {
  readonly root: string;
  readonly uids: ReadonlySet<number>;
  readonly gids: ReadonlySet<number>;
  readonly engines: ReadonlySet<Engine>;
  readonly links: readonly { path: string; target: string }[];
  /** Files outside `cfg` that are config, too, such as those of git. */
  readonly configs: readonly string[];
  /** Whether a path is of a secret unit. */
  isSecret(path: string): boolean;
}

/** Users, systemd units, cron tables, certificates, packages and links out of the instance. */
export async function outside(known: Known): Promise<Outside[]> {
  const { root, uids, gids, engines, links } = known;
  const out = links.filter(({ target }) => !isWithin(target, root));
  return [
    ...(await names("user", "/etc/passwd", uids)),
    ...(await names("group", "/etc/group", gids)),
    ...(await mentions("unit", UNITS, root)),
    ...(await mentions("cron", CRON, root)),
    ...(await config(known)),
    ...(await packages(engines)),
    ...out.map(({ path, target }) => ({ kind: "link" as const, name: path, detail: target })),
  ];
}
