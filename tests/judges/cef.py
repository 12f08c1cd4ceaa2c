#!/usr/bin/env python3
"""Reads CEF lines with a parser that nobody here wrote.

    pip install -r requirements.txt
    python3 cef.py FILE

Writes one JSON object a line: the header's fields, and the extension's pairs.
"""

import json
import sys

from cefp import CEFParser


def main():
    with open(sys.argv[1], encoding="utf-8", newline="\n") as file:
        for line in file:
            fields = CEFParser.split(line.rstrip("\n"))
            print(json.dumps({"header": fields[:7], "extension": CEFParser.splitext(fields[7])}))


main()
