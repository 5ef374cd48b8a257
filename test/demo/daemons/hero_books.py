"""Library trees of Markdown and TOML; HTML and questions are derived from them.

A page is written beside its name, synced and renamed. Derived files follow later, one by one, and
what is missing is made again at a start.
"""
import hashlib
import html
import json
import os
import queue
import threading

from daemon import data, one_name, serve

HOME = data("hero_books")
PAGES, HTML, ASKED = (os.path.join(HOME, part) for part in ("library", "html", "questions"))
waiting = queue.Queue()


def contexts():
    return os.listdir(PAGES) if os.path.isdir(PAGES) else []


def context_create(_context, name):
    """Makes a context, with the description of its library."""
    os.makedirs(os.path.join(PAGES, one_name(name)), exist_ok=True)
    replace(os.path.join(PAGES, name, "library.toml"), '[library]\nname = "%s"\n' % name)


def replace(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    os.rename(path + ".new", path)


def page_write(context, book, page, text):
    """Writes a page; what is derived from it is made later."""
    at = os.path.join(context, one_name(book), one_name(page))
    replace(os.path.join(PAGES, at + ".md"), text)
    waiting.put(at)


def page_list(context, book):
    """The pages of a book by name."""
    folder, found = os.path.join(PAGES, context, one_name(book)), []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if name.endswith(".md"):
            with open(os.path.join(folder, name)) as source:
                found.append(source.read())
    return found


def derive(at):
    with open(os.path.join(PAGES, at + ".md")) as source:
        text = source.read()
    replace(os.path.join(HTML, at + ".html"), "<article>%s</article>\n" % html.escape(text))
    digest = hashlib.sha256(text.encode()).hexdigest()
    asked = {"question": "What is in %s?" % at, "answer": text[:40], "of": digest}
    replace(os.path.join(ASKED, at + ".json"), json.dumps(asked))


def missing():
    for folder, _, names in os.walk(PAGES):
        for name in names:
            at = os.path.relpath(os.path.join(folder, name), PAGES)[: -len(".md")]
            if name.endswith(".md") and not os.path.exists(os.path.join(HTML, at + ".html")):
                yield at


def books_derive(_context):
    """Makes again what is missing of the derived pages; answers how many."""
    found = list(missing())
    for at in found:
        waiting.put(at)
    return {"derived": len(found)}


def follow():
    for at in missing():
        derive(at)
    while True:
        derive(waiting.get())


threading.Thread(target=follow, daemon=True).start()
serve(
    "hero_books",
    "books with derived pages",
    {
        "context.create": context_create,
        "page.write": page_write,
        "page.list": page_list,
        "books.derive": books_derive,
    },
    contexts,
)
