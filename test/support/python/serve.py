"""Answers requests, one line of JSON each, until the input ends: one process makes and compares many trees."""
import json
import os
import resource
import sys

import churn
import compare
import hostile
import model

# One handle a level: trees of a thousand levels are walked by handles.
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
sys.setrecursionlimit(100000)

VERBS = {
    "hostile": hostile.hostile,
    "churn": churn.churn,
    "compare": compare.compare,
    "digest": compare.digest,
    "build": model.build,
}

for line in sys.stdin:
    verb, *rest = json.loads(line)
    rest = [os.fsencode(x) if isinstance(x, str) else x for x in rest]
    try:
        answer = {"value": VERBS[verb](*rest)}
    except Exception as e:
        answer = {"error": "%s %s: %r" % (verb, str(rest)[:200], e)}
    print(json.dumps(answer), flush=True)
