/**
 * Descriptors of services as far as they are public, in the schema of every other descriptor.
 *
 * Verified are those that the demo instance runs and a test compares with its own; the others say
 * what is known and are called unverified wherever they are shown.
 */
import type { Service } from "./descriptor.ts";
import { parseInstance } from "./parse.ts";

const VERIFIED: readonly string[] = [
  ...["hero_db", "hero_osis", "hero_foundry", "hero_collab", "hero_books", "hero_embedder"],
];

/**
 * One read transaction holds for the whole copy: in a write-ahead log nobody waits for it, and
 * nobody makes it begin again.
 */
const COPY = `capture = ["sqlite3", "-bail", "{path}", ".timeout 5000", "BEGIN", "SELECT count(*) FROM sqlite_master", ".backup '{to}'"]`;
/** How databases of SQLite show that they are whole: no fault has this answer in it. */
const whole = (glob: string) =>
  `verify = { each = ["${glob}"], steps = [{ run = ["sqlite3", "{path}", ` +
  `"SELECT 'integrity ' || integrity_check FROM pragma_integrity_check"], expect = "integrity ok" }] }`;

const TEXT = `
[[service]]
name = "hero_db"
socket = "var/sockets/hero_db/hero_db.sock"
stop = { signal = "SIGINT", exit = 0 }
[service.health]
steps = [{ redis = "var/sockets/hero_db/hero_db.sock", command = ["PING"], expect = "PONG" }]

[[state]]
service = "hero_db"
id = "databases"
paths = ["var/hero_db/db{context}.redb", "var/hero_db/db{context}"]
except = ["var/hero_db/db0.redb"]
engine = "redb"
separation = "database"
cut-with = ["admin"]
crash-safe = "no"
note = "the last 100 ms live in the process until the next write comes; tenants see the markers"
[state.flush]
timeout = 5000
steps = [
  { wait = 110 },
  { redis = "var/sockets/hero_db/hero_db.sock", command = ["SET", "holdall:marker", "{marker}"], databases = ["0", "*"], times = 2, secret-file = "cfg/hero_db/admin.secret", auth = "SAUTH", expect = "OK" },
]

[[state]]
service = "hero_db"
id = "admin"
paths = ["var/hero_db/db0.redb"]
engine = "redb"
separation = "none"
cut-with = ["databases"]
crash-safe = "no"
note = "holds the passphrase of every database"
[state.flush]
steps = [
  { wait = 110 },
  { redis = "var/sockets/hero_db/hero_db.sock", command = ["SET", "holdall:marker", "{marker}"], databases = ["0"], times = 2, secret-file = "cfg/hero_db/admin.secret", auth = "SAUTH", expect = "OK" },
]

[[service]]
name = "hero_osis"
socket = "var/sockets/hero_osis/rpc.sock"
stop = { signal = "SIGTERM", exit = 0 }
[service.health]
steps = [{ http = "var/sockets/hero_osis/rpc.sock", path = "/health" }]

[[state]]
service = "hero_osis"
id = "objects"
paths = ["var/hero_osis/{context}"]
crash-safe = "no"
drain = { steady = 100, timeout = 5000 }
note = "an object is truncated and then written: stopped in between it is neither old nor new"

[[service]]
name = "hero_foundry"
socket = "var/sockets/hero_foundry/rpc.sock"
stop = { signal = "SIGTERM", exit = 0 }
[service.health]
steps = [{ http = "var/sockets/hero_foundry/rpc.sock", path = "/health" }]

[[state]]
service = "hero_foundry"
id = "git"
paths = ["var/hero_foundry/git/{context}"]
engine = "git"
verify = { each = ["var/hero_foundry/git/*/*.git"], steps = [{ run = ["git", "-C", "{path}", "fsck", "--full", "--no-dangling", "--no-progress"] }] }
separation = "path"
note = "forks borrow objects by an absolute path"

[[state]]
service = "hero_foundry"
id = "files"
paths = ["var/hero_foundry/webdav/{context}"]

[[service]]
name = "hero_collab"
socket = "var/sockets/hero_collab/rpc.sock"
stop = { signal = "SIGTERM", exit = 0, absent = ["var/hero_collab/collab.db-wal"] }
[service.health]
steps = [{ http = "var/sockets/hero_collab/rpc.sock", path = "/health" }]

[[state]]
service = "hero_collab"
id = "db"
paths = ["var/hero_collab/collab.db"]
engine = "sqlite"
${COPY}
${whole("var/hero_collab/collab.db")}
separation = "rows"
cut-with = ["attachments"]

[[state]]
service = "hero_collab"
id = "attachments"
paths = ["var/hero_collab/attachments"]
separation = "none"
cut-with = ["db"]
crash-safe = "process"
note = "a row is committed when its file is whole"

[[service]]
name = "hero_biz"
depends-on = ["hero_osis"]
socket = "var/sockets/hero_biz/rpc.sock"
stop = { signal = "SIGTERM", exit = 0 }

[[state]]
service = "hero_biz"
id = "local"
paths = ["var/hero_biz"]
class = "ephemeral"
optional = true
note = "its records are objects of hero_osis"

[[service]]
name = "hero_books"
depends-on = ["hero_embedder"]
socket = "var/sockets/hero_books/rpc.sock"
stop = { signal = "SIGTERM", exit = 0 }
[service.health]
steps = [{ http = "var/sockets/hero_books/rpc.sock", path = "/health" }]

[[state]]
service = "hero_books"
id = "library"
paths = ["var/hero_books/library/{context}"]
crash-safe = "power"

[[state]]
service = "hero_books"
id = "questions"
paths = ["var/hero_books/questions/{context}"]
class = "derived-costly"
optional = true
note = "made by a language model: 20 to 40 minutes, and tokens"

[[state]]
service = "hero_books"
id = "html"
paths = ["var/hero_books/html/{context}"]
class = "derived-cheap"
optional = true
rebuild = { steps = [{ rpc = "var/sockets/hero_books/rpc.sock", path = "/", method = "books.derive" }] }

[[state]]
service = "hero_books"
id = "vectors"
paths = ["var/hero_books/vectors/{context}"]
class = "derived-cheap"
optional = true
rebuild = { steps = [{ rpc = "var/sockets/hero_books/rpc.sock", path = "/", method = "books.derive" }] }

[[service]]
name = "hero_indexer"
socket = "var/sockets/hero_indexer/rpc.sock"
stop = { signal = "SIGTERM", exit = 0 }

[[state]]
service = "hero_indexer"
id = "indexes"
paths = ["var/hero_indexer/indexes/{context}"]
class = "derived-cheap"
optional = true

[[service]]
name = "hero_embedder"
socket = "var/sockets/hero_embedder/rpc.sock"
stop = { signal = "SIGTERM", exit = 0 }
[service.health]
steps = [{ http = "var/sockets/hero_embedder/rpc.sock", path = "/health" }]

[[state]]
service = "hero_embedder"
id = "embeddings"
paths = ["var/hero_embedder/embeddings/{context}"]
class = "derived-costly"
optional = true

[[state]]
service = "hero_embedder"
id = "models"
paths = ["var/hero_embedder/models"]
class = "cache"
optional = true

[[service]]
name = "hero_memory"
socket = "var/sockets/hero_memory/rpc.sock"
stop = { signal = "SIGTERM", exit = 0 }

[[state]]
service = "hero_memory"
id = "collections"
paths = ["var/hero_memory/{context}.redb"]
engine = "redb"
class = "derived-costly"
separation = "file"

[[service]]
name = "hero_voice"
socket = "var/sockets/hero_voice/rpc.sock"
stop = { signal = "SIGTERM", exit = 0 }

[[state]]
service = "hero_voice"
id = "models"
paths = ["var/hero_voice/models"]
class = "cache"
optional = true

[[state]]
service = "hero_voice"
id = "transient"
paths = ["var/hero_voice"]
except = ["var/hero_voice/models"]
class = "ephemeral"
optional = true

[[service]]
name = "hero_proc"
socket = "var/sockets/hero_proc/rpc.sock"
stop = { signal = "SIGTERM", exit = 0, absent = ["var/hero_proc/*.db-wal"] }

[[state]]
service = "hero_proc"
id = "secrets"
paths = ["var/hero_proc/secrets.db"]
engine = "sqlite"
${COPY}
${whole("var/hero_proc/secrets.db")}
class = "secret"
separation = "rows"

[[state]]
service = "hero_proc"
id = "config"
paths = ["var/hero_proc/hero_proc.db"]
engine = "sqlite"
${COPY}
${whole("var/hero_proc/hero_proc.db")}
separation = "rows"

[[state]]
service = "hero_proc"
id = "logs"
paths = ["var/hero_proc/logs"]
class = "ephemeral"
optional = true

[[service]]
name = "hero_proxy"
socket = "var/sockets/hero_proxy/rpc.sock"
stop = { signal = "SIGTERM", exit = 0 }

[[state]]
service = "hero_proxy"
id = "tokens"
paths = ["var/hero_proxy/*.db"]
engine = "sqlite"
${COPY}
${whole("var/hero_proxy/*.db")}
class = "secret"
separation = "none"

[[service]]
name = "hero_aibroker"
socket = "var/sockets/hero_aibroker/rpc.sock"
stop = { signal = "SIGTERM", exit = 0 }

[[state]]
service = "hero_aibroker"
id = "models"
paths = ["cfg/hero_aibroker"]
class = "secret"
separation = "none"

[[service]]
name = "hero_orchestrator"
socket = "var/sockets/hero_orchestrator/rpc.sock"
stop = { signal = "SIGTERM", exit = 0 }

[[state]]
service = "hero_orchestrator"
id = "db"
paths = ["var/hero_orchestrator/*.db"]
engine = "sqlite"
${COPY}
${whole("var/hero_orchestrator/*.db")}
separation = "none"

[[service]]
name = "hero_deployer"
socket = "var/sockets/hero_deployer/rpc.sock"
stop = { signal = "SIGTERM", exit = 0 }

[[state]]
service = "hero_deployer"
id = "db"
paths = ["var/hero_deployer/*.db"]
engine = "sqlite"
${COPY}
${whole("var/hero_deployer/*.db")}
class = "secret"
separation = "none"
`;

let parsed: readonly Service[] | undefined;

/** All of them; read once. */
export function builtIn(): readonly Service[] {
  parsed ??= parseInstance("built-in", TEXT).services.map((service) => ({
    ...service,
    declared: { file: "built-in", line: 0 },
    origin: VERIFIED.includes(service.name) ? "verified" : "unverified",
  }));
  return parsed;
}
