"""Analysts' own SQL over four views: what may stand in it, whose rows it sees, and how much it may take.

The text is parsed by ClickHouse itself (`EXPLAIN AST`), and each table, function and name in the tree must be one that
is allowed here; the store's own tables cannot be named. The views hold only things of areas that the asker may see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from linli.telemetry.history.questions import BadQuestion
from linli.telemetry.history.store import DATABASE, TABLES

MAX_TEXT, MAX_ROWS, SECONDS = 20_000, 100_000, 10
LIMITS = {
    "max_execution_time": SECONDS, "timeout_before_checking_execution_speed": 0, "max_memory_usage": 600_000_000,
    "max_threads": 1, "max_bytes_in_join": 200_000_000, "max_ast_depth": 200, "max_query_size": 4_000_000,
}  # fmt: skip
VIEWS = ("things", "readings", "hours", "days")
THINGS = pa.schema([("device", pa.binary(16)), ("id", pa.string()), ("code", pa.string()), ("name", pa.string()),
                    ("model", pa.string()), ("area", pa.string()), ("department", pa.string())])  # fmt: skip
THINGS_DDL = """CREATE TABLE IF NOT EXISTS {name} (
    device FixedString(16), id String, code String, name String, model LowCardinality(String),
    area LowCardinality(String), department LowCardinality(String)
) ENGINE = MergeTree ORDER BY device"""
# Names that no part of a text may bear: what the store has of its own.
_OURS = {name for name, *_ in TABLES} | {"things_next", "things_kept"}
_FUNCTION = re.compile(
    r"(?:"
    r"plus|minus|multiply|divide|intDiv|modulo|negate|abs|round\w*|floor|ceil|trunc|sqrt|exp\d*|log\d*|pow\w*|sign|"
    r"sin|cos|tan|pi|greatest|least|equals|notEquals|less|greater|lessOrEquals|greaterOrEquals|and|or|not|xor|"
    r"between|if|multiIf|caseWithExpression|coalesce|ifNull|nullIf|isNull|isNotNull|assumeNotNull|isNaN|isFinite|"
    r"in|notIn|like|ilike|notLike|notILike|match|cast|CAST|_CAST|to(?!StringCutToZero)\w+|now\w*|today|yesterday|"
    r"date\w*|(?:add|subtract)(?:Years|Quarters|Months|Weeks|Days|Hours|Minutes|Seconds|Interval)|format\w*|parseDateTime\w*|time\w*|age|"
    r"lower\w*|upper\w*|length\w*|char|concat\w*|substring\w*|left|right|trim\w*|replace\w*|position\w*|startsWith|"
    r"endsWith|split\w*|extract\w*|empty|notEmpty|reverse|"
    r"array\w*|range|has|hasAny|hasAll|indexOf|tuple\w*|untuple|map\w*|"
    r"(?:count|sum|min|max|avg|any|anyLast|argMin|argMax|uniq|uniqExact|uniqCombined|quantile\w*|median\w*|"
    r"stddev\w*|var\w*|covar\w*|corr\w*|skew\w*|kurt\w*|simpleLinearRegression|groupArray\w*|groupUniqArray|"
    r"topK|histogram|boundingRatio|deltaSum|first_value|last_value|sumMap)(?:If|Distinct|OrNull|OrDefault|Array)*|"
    r"row_number|rank|dense_rank|lag\w*|lead\w*|ntile|neighbor|runningDifference|exists"
    r")\Z"
)
_NODE = re.compile(r"^\s*(\w+)(?: ([^ (][^ ]*))?")
_PLAIN = {
    "SelectWithUnionQuery", "SelectIntersectExceptQuery", "SelectQuery", "ExpressionList", "Identifier", "Function",
    "TablesInSelectQuery", "TablesInSelectQueryElement", "TableExpression", "TableIdentifier", "TableJoin",
    "ArrayJoin", "Subquery", "WithElement", "Asterisk", "QualifiedAsterisk", "OrderByElement", "Literal",
    "WindowDefinition", "WindowListElement", "InterpolateElement",
}  # fmt: skip


def checked(client: Any, text: str) -> str:
    """The text when it only reads what it may; BadQuestion says what it may not."""
    text = text.strip().rstrip(";").strip()
    if not text or len(text) > MAX_TEXT:
        raise BadQuestion("sql", f"1 to {MAX_TEXT} characters are needed")
    # a semicolon not even in a string: what a string is, only the parser knows, and it runs what follows
    if "\0" in text or ";" in text:
        raise BadQuestion("sql", "one statement, without a semicolon anywhere (char(59) is one)")
    try:
        tree = [str(row[0]) for row in client.query(f"EXPLAIN AST {text}").result_rows]
    except ClickHouseError as error:
        raise BadQuestion("sql", reason_of(error)) from error
    for line in tree:
        _node(line)
    if not tree or not tree[0].startswith("SelectWithUnionQuery"):
        raise BadQuestion("sql", "must be a SELECT")
    # the client asks for its own format, so a second one, the text's, does not parse
    if any(re.match(r" (?!ExpressionList|Identifier Native$)\S", line) for line in tree):
        raise BadQuestion("sql", "takes no FORMAT, INTO or SETTINGS")
    return text


def _node(line: str) -> None:
    found = _NODE.match(line)
    kind, name = (found[1], found[2] or "") if found else ("", "")
    if kind not in _PLAIN:
        what = {"Set": "SETTINGS", "Explain": "EXPLAIN"}.get(kind, kind or line.strip()[:40])
        raise BadQuestion("sql", f"may only read: {what} is not allowed")
    first, *rest = name.replace("`", "").split(".")
    if kind == "Function" and not _FUNCTION.match(name):
        raise BadQuestion("sql", f"the function {name} is not allowed")
    if kind in ("TableIdentifier", "Identifier") and (name in _OURS or (rest and first in _OUTSIDE)):
        raise BadQuestion("sql", f"{name} is not one of the views {', '.join(VIEWS)}")


_OUTSIDE = {DATABASE, "system", "default", "information_schema", "INFORMATION_SCHEMA"}


def whole(text: str, areas: Sequence[str], limit: int, zone: str) -> str:
    """The statement that is run: the views, of these areas ('' is everywhere), and the text within."""
    mine = " OR ".join(f"area = {_quoted(a)} OR startsWith(area, {_quoted(a + '.')})" for a in areas if a)
    where = "" if "" in areas else f" WHERE {mine or '0'}"
    join = "INNER JOIN (SELECT device AS key, id, code, model FROM things_kept" + where + ") AS t ON r.device = t.key"
    sums = "min(r.lo) AS low, max(r.hi) AS high, sum(r.total) / sum(r.n) AS mean, sum(r.n) AS readings"
    names = "t.id AS device, t.code AS code, t.model AS model, toString(r.property) AS property"
    bucket = {"hours": "r.t", "days": f"toStartOfDay(r.t, {_quoted(zone)})"}
    views = [
        f"things AS (SELECT id AS device, code, name, model, area, department FROM things_kept{where})",
        f"readings AS (SELECT {names}, r.ts AS at, r.recv AS received, r.value AS value, r.flags AS flags"
        f" FROM raw AS r {join})",
        *(
            f"{name} AS (SELECT {names}, {at} AS {name[:-1]}, {sums} FROM hour AS r {join}"
            f" GROUP BY device, code, model, property, {name[:-1]})"
            for name, at in bucket.items()
        ),
    ]
    return f"WITH {', '.join(views)} SELECT * FROM ({text}\n) LIMIT {limit}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def ask(client: Any, text: str, areas: Sequence[str], limit: int, zone: str) -> pa.Table:
    """At most `limit` rows + 1, so that the asker learns that there are more."""
    if not 1 <= limit <= MAX_ROWS:
        raise BadQuestion("limit", f"must be between 1 and {MAX_ROWS}")
    sql = whole(checked(client, text), areas, limit + 1, zone)
    try:
        return client.query_arrow(sql, settings=LIMITS, use_strings=True)
    except ClickHouseError as error:
        raise BadQuestion("sql", reason_of(error)) from error


def keep_things(client: Any, table: pa.Table) -> None:
    """Put the registry's things in the place of those kept before."""
    for name in ("things_kept", "things_next"):
        client.command(THINGS_DDL.format(name=name))
    client.command("TRUNCATE TABLE things_next")
    if len(table):
        client.insert_arrow("things_next", table.select(THINGS.names).cast(THINGS))
    client.command("EXCHANGE TABLES things_kept AND things_next")


_SAID = (
    (r"TIMEOUT_EXCEEDED", f"took longer than {SECONDS} seconds; ask for less, or of hours instead of readings"),
    (r"MEMORY_LIMIT|SET_SIZE_LIMIT", "needs more memory than it may have; ask for less"),
)


def reason_of(error: Exception) -> str:
    """What the store said, without its addresses and versions."""
    text = str(error)
    for mark, said in _SAID:
        if re.search(mark, text):
            return said
    found = re.search(r"DB::Exception: (.*?)(?:\(version|\. \([A-Z_]+\)|$)", text, re.S)
    return " ".join((found[1] if found else text).split())[:400]


def rows_of(table: pa.Table) -> Iterable[list[Any]]:
    """Rows of plain values: times with their zone as text, what has no JSON as text."""
    columns = [[_plain(v) for v in column.to_pylist()] for column in table.columns]
    return (list(row) for row in zip(*columns, strict=True))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value if not isinstance(value, float) or value - value == 0 else None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
