"""One object, one file, a folder per context and domain.

Written as the real library writes: the file is truncated and then filled, with no rename and no
sync. Between the two the old object is gone and the new one is not whole.
"""
import os

from daemon import Fault, data, one_name, serve

STORE = data("hero_osis")
PIECE = 1024


def contexts():
    return os.listdir(STORE)


def context_create(_context, name):
    """Makes a context."""
    os.makedirs(os.path.join(STORE, one_name(name)), exist_ok=True)


def folder(context, domain):
    return os.path.join(STORE, context, one_name(domain))


def object_put(context, domain, id, value):
    """Writes an object over the one that was there."""
    os.makedirs(folder(context, domain), exist_ok=True)
    bytes_ = value.encode()
    with open(os.path.join(folder(context, domain), one_name(id)), "wb", buffering=0) as out:
        for at in range(0, len(bytes_), PIECE):
            out.write(bytes_[at : at + PIECE])


def object_get(context, domain, id):
    """An object as it is."""
    try:
        with open(os.path.join(folder(context, domain), one_name(id)), "rb") as source:
            return source.read().decode(errors="replace")
    except FileNotFoundError:
        raise Fault("no object %s" % id)


def object_list(context, domain):
    """The ids of a domain."""
    path = folder(context, domain)
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


serve(
    "hero_osis",
    "objects, one file each",
    {
        "context.create": context_create,
        "object.put": object_put,
        "object.get": object_get,
        "object.list": object_list,
    },
    contexts,
)
