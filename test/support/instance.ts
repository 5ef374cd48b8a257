/** A small instance on disk: services that keep contexts apart in several ways, and locks. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const DESCRIPTOR = `name = "small"

[[service]]
name = "db"
pid-file = "var/db.pid"
stop = { signal = "SIGINT", exit = 0 }
start = ["bin/db"]

[[service]]
name = "chat"
depends-on = ["db"]

[[state]]
service = "db"
id = "databases"
paths = ["var/db/db{context}.redb"]
engine = "redb"
separation = "database"
crash-safe = "no"
flush = { steps = [{ wait = 110 }, { redis = "s.sock", command = ["PING"], expect = "PONG" }] }

[[state]]
service = "chat"
id = "rows"
paths = ["var/chat/chat.db"]
engine = "sqlite"
separation = "rows"
cut-with = ["files"]

[[state]]
service = "chat"
id = "files"
paths = ["var/chat/files"]
cut-with = ["rows"]

[[state]]
service = "books"
id = "text"
paths = ["var/books/{context}"]
except = ["var/books/*/index"]
crash-safe = "power"

[[state]]
service = "books"
id = "index"
paths = ["var/books/{context}/index"]
class = "derived-cheap"
rebuild = ["bin/books", "index"]

[[state]]
service = "books"
id = "voices"
paths = ["var/voices"]
class = "cache"
optional = true

[[state]]
service = "secrets"
id = "keys"
paths = ["var/keys"]
class = "secret"
crash-safe = "process"

[[state]]
service = "repos"
id = "git"
paths = ["var/git"]
engine = "git"
`;

const FILES: Readonly<Record<string, string>> = {
  "holdall.toml": DESCRIPTOR,
  "var/db/db1.redb": "1".repeat(100),
  "var/db/db2.redb": "2".repeat(50),
  "var/chat/chat.db": "rows",
  "var/chat/chat.db-wal": "log",
  "var/chat/chat.db-shm": "shared",
  "var/chat/files/one": "attached",
  "var/books/acme/a.md": "book of acme",
  "var/books/acme/index/i": "index of acme",
  "var/books/geomind/b.md": "book of geomind",
  "var/keys/token": "s3cr3t-value",
  "var/git/r.git/HEAD": "ref: refs/heads/main",
  "var/git/r.git/objects/o": "o",
  "var/git/r.git/refs/heads/main": "0",
  "var/git/r.git/refs/heads/main.lock": "0",
  "var/git/Cargo.lock": "data, not a lock",
};

export const put = (root: string, files: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
};

/** Makes it in an empty or new folder. */
export function smallInstance(root: string): void {
  put(root, FILES);
}
