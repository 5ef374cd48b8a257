"""Messages in SQLite with full text, and attachments in a folder that must agree with it.

A message is acknowledged when its attachment is a whole file and its row is committed, in that
order: a row without its file, or with another than the one it names, is a torn cut.
"""
import hashlib
import os
import sqlite3

from daemon import Fault, data, serve

HOME = data("hero_collab")
FILES = os.path.join(HOME, "attachments")
os.makedirs(FILES, exist_ok=True)

db = sqlite3.connect(
    os.path.join(HOME, "collab.db"), check_same_thread=False, isolation_level=None
)
db.executescript("""
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = ON;
    CREATE TABLE IF NOT EXISTS contexts (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY, context TEXT NOT NULL REFERENCES contexts (name),
        channel TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL,
        UNIQUE (channel, number));
    CREATE TABLE IF NOT EXISTS attachments (
        message INTEGER PRIMARY KEY REFERENCES messages (id), file TEXT NOT NULL,
        digest TEXT NOT NULL);
    CREATE VIRTUAL TABLE IF NOT EXISTS found USING fts5 (token, body, content = '');
    PRAGMA user_version = 3;
""")


def contexts():
    return [name for (name,) in db.execute("SELECT name FROM contexts")]


def context_create(_context, name):
    """Makes a context."""
    db.execute("INSERT OR IGNORE INTO contexts VALUES (?)", (name,))


def token(channel, number):
    """One word of the full text index that finds exactly one message."""
    return "".join(c for c in channel if c.isalnum()) + "x%d" % number


def message_post(context, channel, number, body, attachment):
    """Keeps an attachment and the message it belongs to."""
    digest = hashlib.sha256(attachment.encode()).hexdigest()
    name = "%s-%d" % (channel.replace("/", "_"), number)
    with open(os.path.join(FILES, name), "wb", buffering=0) as out:
        out.write(attachment.encode())
    db.execute("BEGIN IMMEDIATE")
    try:
        row = (context, channel, number, body)
        message = db.execute(
            "INSERT INTO messages (context, channel, number, body) VALUES (?, ?, ?, ?)", row
        ).lastrowid
        db.execute("INSERT INTO attachments VALUES (?, ?, ?)", (message, name, digest))
        text = (message, token(channel, number), body)
        db.execute("INSERT INTO found (rowid, token, body) VALUES (?, ?, ?)", text)
        db.execute("COMMIT")
    except sqlite3.Error as error:
        db.execute("ROLLBACK")
        raise Fault(str(error))


def wrong(message, channel, number, name, digest):
    """What does not agree between a row, its file and the full text; empty when all does."""
    try:
        with open(os.path.join(FILES, name), "rb") as source:
            if hashlib.sha256(source.read()).hexdigest() != digest:
                return "attachment is not what the row names"
    except FileNotFoundError:
        return "attachment is missing"
    hit = db.execute("SELECT rowid FROM found WHERE found MATCH ?", (token(channel, number),))
    return "" if hit.fetchall() == [(message,)] else "full text does not find it"


def message_list(context, channel):
    """Messages in the order in which they were committed, each with what does not agree."""
    rows = db.execute(
        "SELECT id, number, body, file, digest FROM messages JOIN attachments ON message = id"
        " WHERE context = ? AND channel = ? ORDER BY id",
        (context, channel),
    ).fetchall()
    return [
        {"number": number, "body": body, "wrong": wrong(id_, channel, number, name, digest)}
        for id_, number, body, name, digest in rows
    ]


def message_count(_context):
    """Messages of all contexts."""
    return db.execute("SELECT count(*) FROM messages").fetchone()[0]


def message_all(_context):
    """Every message, as it is kept."""
    return db.execute("SELECT * FROM messages ORDER BY id").fetchall()


def message_wrong(_context):
    """What does not agree, of all messages; empty when everything does."""
    rows = db.execute(
        "SELECT id, channel, number, file, digest FROM messages JOIN attachments ON message = id"
    ).fetchall()
    return [found for found in (wrong(*row) for row in rows) if found]


def integrity(_context):
    """`ok`, or what SQLite finds wrong."""
    return db.execute("PRAGMA integrity_check").fetchone()[0]


serve(
    "hero_collab",
    "messages with attachments",
    {
        "context.create": context_create,
        "message.post": message_post,
        "message.list": message_list,
        "message.count": message_count,
        "message.all": message_all,
        "message.wrong": message_wrong,
        "integrity": integrity,
    },
    contexts,
    db.close,
)
