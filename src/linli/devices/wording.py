"""How conditions read, in Chinese and English: figures with their units, spans of time, one sentence a term."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Label = dict[str, str]
Pair = tuple[str, str]  # Chinese, English

OPS: dict[str, Pair] = {
    "gt": ("高于", "above"), "ge": ("不低于", "at least"), "lt": ("低于", "below"), "le": ("不高于", "at most"),
    "eq": ("等于", "equal to"), "ne": ("不等于", "not equal to"),
}  # fmt: skip
CALLS: dict[str, Pair] = {  # functions of formulas
    "min": ("最小值", "lowest of "), "max": ("最大值", "highest of "), "abs": ("绝对值", "size of "),
}  # fmt: skip
_UNITS = {"Cel": "°C", "ug/m3": "μg/m³", "mg/m3": "mg/m³", "dB[A]": "dB(A)", "m3": "m³", "m3/h": "m³/h", "deg": "°",
          "[pH]": "", "[NTU]": "NTU", "kW.h": "kWh", "uS/cm": "μS/cm"}  # fmt: skip
_PER = {"minute": ("每分钟", "per minute"), "hour": ("每小时", "per hour")}
_MOVES = {True: ("上升", "rises"), False: ("下降", "falls")}
_BY = {True: ("不少于", "at least"), False: ("超过", "more than")}
_BACK = {True: ("不高于", "or below"), False: ("不低于", "or above")}
_OVER = {True: ("次日 ", " the next day"), False: ("", "")}
OF = ("{0}的{1}", "{1} of any {0}")  # a property of another model
_PLACES = (("全区", "in the district"), ("同一 {} 级网格", "in the same level {} grid"))
_JOIN = {"all": (" 且 ", " and "), "any": (" 或 ", " or ")}


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a thing model."""

    code: str
    zh: str
    en: str
    type: str = "number"
    unit: str = ""
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Property:
        low, high = raw.get("range") or (None, None)
        return cls(raw["code"], raw["name"]["zh"], raw["name"]["en"], raw.get("type", "number"), raw.get("unit", ""),
                   low, high)  # fmt: skip

    @property
    def shown_unit(self) -> str:
        return _UNITS.get(self.unit, self.unit.strip("{}"))


Term = Mapping[str, Any]
Known = Mapping[str, Property]

_SPANS = ((86400, "天", "day"), (3600, "小时", "hour"), (60, "分钟", "minute"), (1, "秒", "second"))


def span(seconds: int) -> Pair:
    """The largest whole unit: 600 → 10 分钟, 10 minutes; 90 → 90 秒, 90 seconds."""
    for size, zh, en in _SPANS:
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {zh}", f"{count} {en}{'' if count == 1 else 's'}"
    return "0 秒", "0 seconds"


def value_words(value: float | None, prop: Property | None) -> Pair:
    """A figure with its unit; yes or no for a property that is one."""
    if prop and prop.type == "bool":
        return ("是", "yes") if value else ("否", "no")
    text = f"{value:g}{_unit(prop)}"
    return text, text


def _unit(prop: Property | None) -> str:
    unit = prop.shown_unit if prop else ""
    return f"{'' if unit in ('', '%', '°') else ' '}{unit}"


# --- terms ----------------------------------------------------------------------------------------------------------


def condition_sentence(condition: Term, properties: Known, duration_s: int) -> Label:
    """`当 水位 高于 3 m 且 流速 低于 1 m/s，持续 10 分钟`."""
    several = len(condition["terms"]) > 1
    zh, en = joined(condition, properties)
    zh, en = f"当 {zh}", f"when {en}"
    if duration_s:
        span_zh, span_en = span(duration_s)
        zh, en = f"{zh}{'，' if several else ' '}持续 {span_zh}", f"{en}{',' if several else ''} for {span_en}"
    for more in (_windows(condition), _ladder(condition, properties)):
        if more:
            zh, en = f"{zh}{more[0]}", f"{en}{more[1]}"
    return {"zh": zh, "en": en}


def joined(condition: Term, properties: Known) -> Pair:
    told = [term_words(term, properties) for term in condition["terms"]]
    zh, en = _JOIN[condition.get("match", "all")]
    return zh.join(t[0] for t in told), en.join(t[1] for t in told)


def term_words(term: Term, properties: Known) -> Pair:
    prop, names = _left(term, properties)
    words = TERMS[term["kind"]](term, prop, names)
    if "of" not in term:
        return words
    zh, en = span(term["of"]["age_s"])
    return f"{words[0]}（{zh}内的读数）", f"{words[1]} (a reading of the last {en})"


def _left(term: Term, properties: Known) -> tuple[Property | None, Pair]:
    """What a term compares, and how that is called; other devices with where they are."""
    of = term.get("of")
    prop = properties.get(f"{of['model']}/{term['property']}" if of else term["property"])
    names = (prop.zh, prop.en) if prop else (term["property"], term["property"])
    if not of:
        return prop, names
    zh, en = _PLACES[min(of["level"], 1)]
    return prop, (f"{zh.format(of['level'])}任一{names[0]}", f"{names[1]} {en.format(of['level'])}")


def _threshold(term: Term, prop: Property | None, names: Pair) -> Pair:
    (zh_op, en_op), (zh, en) = OPS[term["op"]], value_words(term["value"], prop)
    return f"{names[0]} {zh_op} {zh}", f"{names[1]} is {en_op} {en}"


def _range(term: Term, prop: Property | None, names: Pair) -> Pair:
    low, high, unit = f"{term['low']:g}", f"{term['high']:g}", _unit(prop)
    if term["op"] == "outside":
        return f"{names[0]} 超出 {low}–{high}{unit}", f"{names[1]} is outside {low} to {high}{unit}"
    return f"{names[0]} 处于 {low}–{high}{unit} 之间", f"{names[1]} is within {low} to {high}{unit}"


def _rate(term: Term, prop: Property | None, names: Pair) -> Pair:
    (per_zh, per_en), (over_zh, over_en) = _PER[term["per"]], span(term["window_s"])
    value, op = term["value"], term["op"]
    up, down = value > 0 and op in ("gt", "ge"), value < 0 and op in ("lt", "le")
    amount = f"{abs(value) if down else value:g}{_unit(prop)}"
    if up or down:
        (move_zh, move_en), (by_zh, by_en) = _MOVES[up], _BY[op in ("ge", "le")]
        zh, en = f"{names[0]} {per_zh}{move_zh}{by_zh} {amount}", f"{names[1]} {move_en} by {by_en} {amount} {per_en}"
    else:
        zh = f"{names[0]} {per_zh}的变化{OPS[op][0]} {amount}"
        en = f"{names[1]} changes {per_en} by a figure {OPS[op][1]} {amount}"
    return f"{zh}（按 {over_zh}计）", f"{en} (over {over_en})"


def _count(term: Term, prop: Property | None, names: Pair) -> Pair:
    zh, en = _threshold(term, prop, names)
    over_zh, over_en = span(term["window_s"])
    return (f"{over_zh}内至少 {term['times']} 次 {zh}",
            f"{en} in at least {term['times']} readings within {over_en}")  # fmt: skip


_SIDES: dict[str, Pair] = {
    "any": ("偏离预期", "is not as expected"), "above": ("高于预期范围", "is above the expected range"),
    "below": ("低于预期范围", "is below the expected range"), "jump": ("突变", "jumps"),
    "flat": ("卡住不变", "is stuck at one value"),
}  # fmt: skip


def _anomaly(term: Term, prop: Property | None, names: Pair) -> Pair:
    zh, en = _SIDES[term["side"]]
    zh, en = f"{names[0]} {zh}", f"{names[1]} {en}"
    if term["value"] == 1:
        return zh, en
    return f"{zh}（偏离达到预期边界的 {term['value']:g} 倍）", f"{en} (by {term['value']:g} times the expected margin)"


TERMS: dict[str, Callable[[Term, Property | None, Pair], Pair]] = {
    "threshold": _threshold, "range": _range, "rate": _rate, "count": _count, "anomaly": _anomaly,
}  # fmt: skip


# --- windows and ladder ---------------------------------------------------------------------------------------------

_DAYS = {"every": ("每天", "every day"), "workday": ("工作日", "on working days"), "restday": ("休息日", "on days off"),
         "holiday": ("节假日", "on holidays")}  # fmt: skip
_WEEK = (
    ("周一", "Mon"),
    ("周二", "Tue"),
    ("周三", "Wed"),
    ("周四", "Thu"),
    ("周五", "Fri"),
    ("周六", "Sat"),
    ("周日", "Sun"),
)
_SEVERITIES = {"info": ("提示", "info"), "warning": ("预警", "warning"), "severe": ("严重", "severe"),
               "urgent": ("紧急", "urgent")}  # fmt: skip


def _windows(condition: Term) -> Pair | None:
    """`，仅在 工作日 08:00–12:00、每天 22:00–次日 06:00`."""
    if not condition.get("windows"):
        return None
    told = []
    for one in condition["windows"]:
        days = one.get("days", "every")
        zh, en = _DAYS[days] if isinstance(days, str) else (
            "、".join(_WEEK[d - 1][0] for d in days), f"on {', '.join(_WEEK[d - 1][1] for d in days)}")  # fmt: skip
        over_zh, over_en = _OVER[one["to"] <= one["from"]]
        told.append((f"{zh} {one['from']}–{over_zh}{one['to']}", f"{en} {one['from']} to {one['to']}{over_en}"))
    return f"，仅在 {'、'.join(t[0] for t in told)}", f", only {' and '.join(t[1] for t in told)}"


def _ladder(condition: Term, properties: Known) -> Pair | None:
    """`；30 分钟后升为严重；高于 4 m 时升为紧急`."""
    zh, en = "", ""
    first = condition["terms"][0]
    for step in condition.get("ladder") or ():
        to_zh, to_en = _SEVERITIES[step["severity"]]
        if step.get("after_s") is not None:
            when_zh, when_en = (f"{text}" for text in span(step["after_s"]))
            zh, en = f"{zh}；{when_zh}后升为{to_zh}", f"{en}; {to_en} after {when_en}"
            continue
        prop = properties.get(first["property"])
        value = f"{step['value']:g}{_unit(prop)}"
        per_zh, per_en = (f"{_PER[first['per']][0]} ", f" {_PER[first['per']][1]}") if "per" in first else ("", "")
        op_zh, op_en = OPS[first["op"]]
        zh, en = f"{zh}；{op_zh} {per_zh}{value} 时升为{to_zh}", f"{en}; {to_en} when {op_en} {value}{per_en}"
    return (zh, en) if zh else None


# --- how terms end ----------------------------------------------------------------------------------------------------


def clears_sentence(condition: Term, properties: Known) -> Label | None:
    """Where terms let go, as far as that differs from their opposite."""
    found = [words for term in condition["terms"] if (words := _lets_go(term, properties))]
    if not found:
        return None
    return {"zh": f"{'，'.join(f[0] for f in found)} 时解除", "en": f"ends at {', '.join(f[1] for f in found)}"}


def _lets_go(term: Term, properties: Known) -> Pair | None:
    prop, names = _left(term, properties)
    if term["kind"] == "range" and term.get("margin"):
        inner = term["margin"] if term["op"] == "outside" else -term["margin"]
        low, high, unit = f"{term['low'] + inner:g}", f"{term['high'] - inner:g}", _unit(prop)
        zh, en = ("回到", "back within") if term["op"] == "outside" else ("超出", "outside")
        return f"{names[0]} {zh} {low}–{high}{unit}", f"{names[1]} {en} {low} to {high}{unit}"
    if term.get("clear_value") is None:
        return None
    if term["kind"] == "anomaly":
        share = f"{100 * term['clear_value']:g}%"
        return f"{names[0]} 偏离回到预期边界的 {share} 以内", f"{names[1]} within {share} of the expected margin"
    zh, en = value_words(term["clear_value"], prop)
    if term["kind"] == "rate":
        per_zh, per_en = _PER[term["per"]]
        zh, en = f"{zh} {per_zh}", f"{en} {per_en}"
    back_zh, back_en = _BACK[term["op"] in ("gt", "ge")]
    return f"{names[0]} {back_zh} {zh}", f"{names[1]} {en} {back_en}"
