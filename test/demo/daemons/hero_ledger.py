"""Entries in LMDB, a named database per context; opened without syncing, synced when asked."""
import struct

import lmdb

from daemon import data, serve

env = lmdb.open(data("hero_ledger"), map_size=1 << 28, max_dbs=64, sync=False, metasync=False)
CONTEXTS = env.open_db(b"contexts")


def contexts():
    with env.begin() as txn:
        return [key.decode() for key, _ in txn.cursor(CONTEXTS)]


def context_create(_context, name):
    """Makes a context."""
    with env.begin(write=True) as txn:
        txn.put(name.encode(), b"", db=CONTEXTS)
    env.open_db(b"in-" + name.encode())


def of(context):
    return env.open_db(b"in-" + context.encode())


def entry_add(context, book, number, value):
    """Adds an entry to a book."""
    place = of(context)
    with env.begin(write=True) as txn:
        txn.put(book.encode() + b"\0" + struct.pack(">Q", number), value.encode(), db=place)


def entry_list(context, book):
    """Entries of a book by number."""
    first = book.encode() + b"\0"
    place, found = of(context), []
    with env.begin() as txn:
        cursor = txn.cursor(place)
        more = cursor.set_range(first)
        while more and cursor.key().startswith(first):
            found.append(cursor.value().decode(errors="replace"))
            more = cursor.next()
    return found


def entry_count(_context):
    """Entries of all contexts."""
    places = [of(name) for name in contexts()]
    with env.begin() as txn:
        return sum(1 for place in places for _ in txn.cursor(place))


def ledger_sync(_context):
    """Hands everything to the disk; answers with the number of the last transaction."""
    env.sync(True)
    return {"synced": env.info()["last_txnid"]}


def close():
    env.sync(True)
    env.close()


serve(
    "hero_ledger",
    "entries in LMDB",
    {
        "context.create": context_create,
        "entry.add": entry_add,
        "entry.list": entry_list,
        "entry.count": entry_count,
        "ledger.sync": ledger_sync,
    },
    contexts,
    close,
)
