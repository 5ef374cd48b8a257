"""Secrets by context in SQLite, with the jobs and logs that the real keeper has beside them."""
import os
import sqlite3

from daemon import data, serve

db = sqlite3.connect(
    os.path.join(data("hero_secrets"), "secrets.db"),
    check_same_thread=False,
    isolation_level=None,
)
db.executescript("""
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS contexts (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS secrets (
        id INTEGER PRIMARY KEY, context TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
        UNIQUE (context, name));
    CREATE TABLE IF NOT EXISTS logs (id INTEGER PRIMARY KEY, line TEXT NOT NULL);
    PRAGMA user_version = 1;
""")


def contexts():
    return [name for (name,) in db.execute("SELECT name FROM contexts")]


def context_create(_context, name):
    """Makes a context."""
    db.execute("INSERT OR IGNORE INTO contexts VALUES (?)", (name,))


def secret_put(context, name, value):
    """Keeps a secret; a log line is written with it."""
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO logs (line) VALUES (?)", ("kept " + name,))
    db.execute(
        "INSERT INTO secrets (context, name, value) VALUES (?, ?, ?)"
        " ON CONFLICT (context, name) DO UPDATE SET value = excluded.value",
        (context, name, value),
    )
    db.execute("COMMIT")


def secret_list(context, prefix):
    """Values of the names that begin so, in the order in which they were first kept."""
    rows = db.execute(
        "SELECT value FROM secrets WHERE context = ? AND substr(name, 1, ?) = ? ORDER BY id",
        (context, len(prefix), prefix),
    )
    return [value for (value,) in rows]


serve(
    "hero_secrets",
    "secrets by context",
    {
        "context.create": context_create,
        "secret.put": secret_put,
        "secret.list": secret_list,
    },
    contexts,
    db.close,
)
