#!/usr/bin/env python3
"""Checks the links of every Markdown file: files that are linked exist, and so do the headings that a #fragment names.

    python3 tools/check_links.py [ROOT]     ROOT: the repository, by default the one this file lies in

Links to other sites are not followed. Prints one line a fault and ends with 1 if there is any.
"""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:")
FENCE = re.compile(r"^\s*(```|~~~)")


def prose(text):
    """The lines with their numbers, without code blocks and without code in backticks."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield number, re.sub(r"`[^`]*`", "", line)


def slug(heading):
    """The fragment that a heading has on a page: lower case, spaces to hyphens, no punctuation."""
    words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return words.replace(" ", "-")


def fragments(path):
    found, fenced = {}, False
    for line in path.read_text(encoding="utf-8").splitlines():
        fenced ^= bool(FENCE.match(line))
        heading = re.match(r"#{1,6}\s+(.*?)\s*#*$", line)
        if heading and not fenced:
            name = slug(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)))
            found[name] = found.get(name, -1) + 1
    return {f"{name}-{i}" if i else name for name, count in found.items() for i in range(count + 1)}


def fault(root, page, target):
    """What is wrong with a link, or None."""
    path, _, fragment = unquote(target).partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.is_relative_to(root) or not file.exists():
        return "there is no such file"
    if fragment and (file.suffix != ".md" or fragment not in fragments(file)):
        return f"{file.relative_to(root)} has no heading for #{fragment}"
    return None


def faults(root):
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
                            check=True, capture_output=True, text=True).stdout
    for name in sorted(filter(None, listed.split("\0"))):
        page = root / name
        if not page.exists():
            continue
        for number, line in prose(page.read_text(encoding="utf-8")):
            for target in LINK.findall(line):
                if ELSEWHERE.match(target):
                    continue
                what = fault(root, page, target)
                if what:
                    yield f"{name}:{number}: link to {target}: {what}"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    found = list(faults(root))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
