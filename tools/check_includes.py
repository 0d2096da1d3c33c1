#!/usr/bin/env python3
"""Includes point one way: a room includes itself and the rooms that CMakeLists.txt names for it."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def allowed_rooms():
    """Room -> the rooms it may include, as declared in CMakeLists.txt."""
    rooms = {}
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    for name, rest in re.findall(r"lockstep_room\((\w+)([^)]*)\)", text):
        words = rest.split()
        uses = words.index("USES") if "USES" in words else len(words)
        rooms[name] = {word for word in words[:uses] if word != "ROOMS"} | {name}
    return rooms


def main():
    rooms = allowed_rooms()
    order = list(rooms)
    wrong = []
    for room, allowed in rooms.items():
        for other in allowed - {room}:
            if order.index(other) > order.index(room):
                wrong.append(f"CMakeLists.txt: {room} names {other}, which comes after it")
    for path in sorted((ROOT / "src").rglob("*.[ch]pp")):
        room = path.relative_to(ROOT / "src").parts[0]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = re.match(r'#include "(\w+)/', line)
            if match and match.group(1) in rooms and match.group(1) not in rooms[room]:
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {room} may not include "
                             f"{match.group(1)}")
    print("\n".join(wrong) if wrong else "includes point one way")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
