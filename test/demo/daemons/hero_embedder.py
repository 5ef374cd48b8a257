"""Vectors of texts, with a model cache that can be lost: nothing of it belongs in a backup."""
import hashlib
import os

from daemon import data, serve

MODELS = os.path.join(data("hero_embedder"), "models")
os.makedirs(MODELS, exist_ok=True)


def embed(_context, text):
    """Eight numbers from 0 to 255; the text is cached by its digest."""
    digest = hashlib.sha256(text.encode())
    with open(os.path.join(MODELS, digest.hexdigest()), "w") as out:
        out.write(text)
    return list(digest.digest()[:8])


serve("hero_embedder", "vectors of texts", {"embed": embed}, lambda: ["root"])
