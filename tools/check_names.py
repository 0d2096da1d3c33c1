#!/usr/bin/env python3
"""A type has one definition: no two headers define types of one name in namespace lockstep.

Two would be one to the linker, which keeps the destructor of either.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFINED = re.compile(r"^(?:struct|class|enum class) (\w+)(?: final)?(?: :| \{|$)")


def namespace_of(text):
    names = re.findall(r"^namespace ([\w:]+) \{", text, re.MULTILINE)
    return "::".join(names)


def main():
    places = defaultdict(list)
    for room in ("src", "apps", "python"):
        for path in sorted((ROOT / room).rglob("*.hpp")):
            text = path.read_text(encoding="utf-8")
            for number, line in enumerate(text.splitlines(), 1):
                match = DEFINED.match(line)
                if match and not line.endswith(";"):
                    name = f"{namespace_of(text)}::{match.group(1)}"
                    places[name].append(f"{path.relative_to(ROOT)}:{number}")
    wrong = [f"{name} is defined in {' and '.join(where)}"
             for name, where in sorted(places.items()) if len(where) > 1]
    print("\n".join(wrong) if wrong else "every type has one definition")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
