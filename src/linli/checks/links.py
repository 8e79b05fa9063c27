"""Prevents the page that leads nowhere: every relative link of a document exists, and every room's page is listed."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from linli.checks.tree import Finding, Tree

RULE = "links"
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)|!\[[^\]]*\]\(([^)\s]+)\)")


def check(tree: Tree) -> Iterator[Finding]:
    for path in tree.files:
        if not path.endswith(".md"):
            continue
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            for match in LINK.finditer(line):
                target = match.group(1) or match.group(2)
                if "://" in target or target.startswith(("mailto:", "/")):
                    continue
                where = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
                if not tree.has(where):
                    yield Finding(RULE, path, number, f"links to {target}, which is not there")
    index = "docs/subsystems/README.md"
    listed = tree.text(index) if tree.has(index) else ""
    for page in tree.under("docs/subsystems/", ".md"):
        name = page.rsplit("/", 1)[-1]
        if page != index and f"({name})" not in listed:
            yield Finding(RULE, index, 0, f"does not list {name}")
