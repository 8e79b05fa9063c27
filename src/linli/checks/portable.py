"""Prevents the checkout that works on one machine only.

No absolute path of somebody's machine stands in the repository, and lock files name versions and hashes, never the
address of a registry (which may be a mirror that others cannot reach).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from linli.checks.tree import Finding, Tree

RULE = "portable"
PATHS = re.compile(r"(?<![\w.$}/:-])/(?:work|home/\w+|root|Users/\w+|mnt/\w+|tmp/bash_jobs)/[\w.-]+")
REGISTRY = re.compile(r"https?://|--(?:extra-)?index-url|--find-links|\"resolved\"\s*:")
LOCKS = ("requirements.lock", "package-lock.json", "uv.lock", "yarn.lock", "pnpm-lock.yaml", ".npmrc")
BINARY = (".png", ".jpg", ".webp", ".pdf", ".woff2", ".mo", ".pmtiles", ".ico", ".gz", ".parquet", ".bin")
ADDRESS_IS_NO_REGISTRY = re.compile(r'"(?:url|funding|homepage|deprecated)"\s*:|^\s*"https://[^"]*",?$|^\s*#')


def check(tree: Tree) -> Iterator[Finding]:
    for path in tree.files:
        if path.endswith(BINARY) or path.startswith(("src/linli/checks/", "tests/arch/")):
            continue
        lock = path.rsplit("/", 1)[-1] in LOCKS
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if found := PATHS.search(line):
                yield Finding(RULE, path, number, f"a path of one machine: {found.group()}")
            if lock and REGISTRY.search(line) and not ADDRESS_IS_NO_REGISTRY.search(line):
                yield Finding(RULE, path, number, "a lock file carries no address of a registry")
