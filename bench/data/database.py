"""Makes a SQLite database and the same one a day later.

usage: database.py FIRST SECOND MEBIBYTES SEED

A shop: customers, orders with indexed columns, and articles of text. The day updates, deletes and
inserts rows around a few busy places until a tenth of the 4 KiB pages differ.
"""

import os
import random
import shutil
import sqlite3
import sys

PAGE = 4096
DIRTY_SHARE = 0.10

first, second, mebibytes, seed = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
draw = random.Random(seed)
vocabulary = ["".join(draw.choice(["an", "be", "ci", "do", "er", "fa", "gen", "hi", "in", "jo", "ka",
                                   "lo", "mi", "ne", "or", "pa", "re", "so", "ta", "un", "ve"])
                      for _ in range(draw.randint(1, 4))) for _ in range(5000)]


def text(count):
    return " ".join(vocabulary[int(len(vocabulary) ** draw.random()) - 1] for _ in range(count))


def customer():
    name = f"{text(1).title()} {text(1).title()}"
    return name, f"{text(1)}{draw.randint(1, 10**6)}@{text(1)}.example", text(draw.randint(4, 12))


def order(customers):
    return (draw.randint(1, customers), 1_760_000_000 + draw.randint(0, 10**7),
            draw.randint(100, 90_000), draw.choice(["open", "paid", "sent", "back"]), text(6))


def article():
    return text(6), text(draw.randint(40, 600))


SCHEMA = """
PRAGMA page_size = 4096; PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF;
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, mail TEXT UNIQUE, address TEXT);
CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INT, time INT, cents INT, state TEXT, note TEXT);
CREATE INDEX purchase_customer ON purchase (customer);
CREATE INDEX purchase_time ON purchase (time);
CREATE TABLE article (id INTEGER PRIMARY KEY, title TEXT, body TEXT);
"""
ADD_CUSTOMER = "INSERT OR IGNORE INTO customer (name, mail, address) VALUES (?, ?, ?)"
ADD_PURCHASE = "INSERT INTO purchase (customer, time, cents, state, note) VALUES (?, ?, ?, ?, ?)"
ADD_ARTICLE = "INSERT INTO article (title, body) VALUES (?, ?)"


def grow(db):
    while os.path.getsize(first) < mebibytes * 2**20:
        db.executemany(ADD_CUSTOMER, [customer() for _ in range(500)])
        customers = db.execute("SELECT max(id) FROM customer").fetchone()[0]
        db.executemany(ADD_PURCHASE, [order(customers) for _ in range(3000)])
        db.executemany(ADD_ARTICLE, [article() for _ in range(800)])
        db.commit()


def live_an_hour(db):
    """A few dozen changes, half of them near one busy place."""
    newest = {table: db.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
              for table in ("customer", "purchase", "article")}
    centre = draw.random()

    def someone(table):
        at = centre + draw.gauss(0, 0.002) if draw.random() < 0.5 else draw.random()
        return max(1, min(newest[table], int(at * newest[table])))

    for _ in range(20):
        db.execute("UPDATE purchase SET state = ? WHERE id = ?", (draw.choice(["sent", "back"]), someone("purchase")))
    for _ in range(6):
        db.execute("UPDATE article SET body = ? WHERE id = ?", (text(draw.randint(40, 600)), someone("article")))
    for _ in range(2):
        db.execute("DELETE FROM purchase WHERE id = ?", (someone("purchase"),))
        db.execute("UPDATE customer SET address = ? WHERE id = ?", (text(8), someone("customer")))
    db.executemany(ADD_PURCHASE, [order(newest["customer"]) for _ in range(10)])
    db.execute(ADD_ARTICLE, article())
    db.commit()


def dirty():
    with open(first, "rb") as a, open(second, "rb") as b:
        pages = changed = 0
        while page := b.read(PAGE):
            changed += page != a.read(PAGE)
            pages += 1
    return changed / pages


db = sqlite3.connect(first)
db.executescript(SCHEMA)
grow(db)
db.close()
shutil.copyfile(first, second)
db = sqlite3.connect(second)
db.execute("PRAGMA synchronous = OFF")
hours = 8
while dirty() < DIRTY_SHARE:
    for _ in range(hours):
        live_an_hour(db)
    hours = max(4, int(mebibytes / 4))
db.close()
