"""Thing models as files of a pack: read from YAML or JSON that somebody chose, and written. Pure."""

from __future__ import annotations

from typing import Any

import orjson
import yaml

from linli.kernel.errors import Invalid

MAX_BYTES = 512 * 1024
MAX_MODELS = 100
ORDER = ("code", "version", "name", "subject", "category", "icon", "interval_s", "properties", "attributes", "events",
         "commands", "migrate")  # fmt: skip


def read(text: str) -> list[dict[str, Any]]:
    """The entries of a pack's file, or of one that holds a single model. Invalid names `text` and says why."""
    doc = parsed(text)
    rows = doc.get("thing_models") if isinstance(doc, dict) and "thing_models" in doc else [doc]
    if not isinstance(rows, list) or not rows or not all(isinstance(r, dict) for r in rows):
        raise Invalid("text", "must hold `thing_models`, a list, or one thing model")
    if len(rows) > MAX_MODELS:
        raise Invalid("text", f"holds more than {MAX_MODELS} thing models")
    return rows


def parsed(text: str, most: int = MAX_BYTES) -> Any:
    """YAML of at most so many bytes, of which JSON is a part. Plain values only, so that what was read can be kept as
    it is. Invalid names `text`."""
    if len(text.encode("utf-8", "replace")) > most:
        raise Invalid("text", f"is larger than {most // 1024} KiB")
    try:
        if any(isinstance(e, yaml.AliasEvent) for e in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise Invalid("text", "uses aliases (*name), which are not taken")
        return orjson.loads(orjson.dumps(yaml.safe_load(text)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise Invalid("text", f"is neither YAML nor JSON: {where}{error.problem}") from None
    except (yaml.YAMLError, orjson.JSONEncodeError, ValueError, RecursionError) as error:
        raise Invalid("text", f"is neither YAML nor JSON: {str(error)[:200]}") from None


def write(bodies: list[dict[str, Any]]) -> str:
    """A file `thing-models/*.yaml` of a pack."""
    rows = [{k: body[k] for k in ORDER if body.get(k) not in (None, [], {})} for body in bodies]
    plain = orjson.loads(orjson.dumps(rows))  # what stands there twice is written twice, not as an alias
    return yaml.safe_dump({"thing_models": plain}, allow_unicode=True, sort_keys=False, width=120)
