"""Runs brz's commands, one after the other, in one process: most of what a command takes is the start of Python.

Each line on stdin is a JSON object with "args" and "email", who commits. The answer is a line "ok", or what went wrong as a JSON string.
"""
import json
import os
import sys

import breezy
import breezy.bzr
from breezy import commands

with breezy.initialize():
    commands._register_builtin_commands()
    commands.install_bzr_command_hooks()
    for line in sys.stdin:
        asked = json.loads(line)
        os.environ["BRZ_EMAIL"] = asked["email"]
        try:
            code = commands.run_bzr(asked["args"])
            answer = "ok" if not code else f"exit code {code}"
        except Exception as e:
            answer = f"{type(e).__name__}: {e}"
        print(json.dumps(answer), flush=True)
