"""Runs brz's commands, one after the other, in one process: most of what a command takes is the start of Python.

Each line on stdin is a JSON object: "dir", the working directory, "env", variables to set for this command alone, and "args". The answer is a JSON
object on a line of stdout: "out", what the command printed, and "error", why it failed, or "".
"""
import io
import json
import os
import sys

import breezy
import breezy.bzr
from breezy import commands, trace

questions, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")  # brz closes those that it was given


def run(asked):
    os.chdir(asked["dir"])
    printed = io.BytesIO()
    sys.stdout = io.TextIOWrapper(printed, "utf-8", write_through=True)
    nothing = io.TextIOWrapper(io.BytesIO())
    with breezy.initialize(stdin=nothing, stdout=sys.stdout):  # anew, for it remembers configuration
        try:
            code = commands.run_bzr(asked["args"])
            error = f"exit code {code}" if code else ""
        except Exception as e:
            error = f"{type(e).__name__}: {e}"
    return {"out": printed.getvalue().decode("utf-8", "replace"), "error": error}


commands._register_builtin_commands()
commands.install_bzr_command_hooks()
usual = dict(os.environ)
for line in questions:
    asked = json.loads(line)
    os.environ.update(asked["env"] or {})
    answer = run(asked)
    for name in set(os.environ) - set(usual):
        del os.environ[name]
    os.environ.update(usual)
    print(json.dumps(answer), file=answers, flush=True)
