"""What is wrong with a thing model, in Chinese. The reasons of the checks are English sentences; a test holds that each
has its line here."""

from __future__ import annotations

import re

_KINDS = {en: zh for zh, en in (
    ("场所", "place"), ("住户", "household"), ("个人", "person"), ("车辆", "vehicle"),
    ("数值", "number"), ("开关量", "bool"), ("文本", "text"), ("无单位", "no unit"),
)}  # fmt: skip
_LINES = [
    ("应为一个对象", r"must be an object"),
    ("应为列表", r"must be a list"),
    ("未填写", r"is missing"),
    ("至少需要一项", r"needs at least one"),
    ("至少两项，或一项也不填", r"needs at least two, or none"),
    ("超过 {0} 项", r"has more than (\d+)"),
    ("只能是：{0}", r"must be one of (.+)"),
    ("应为 {0} 到 {1} 的整数", r"must be a whole number, (\d+) to (\d+)"),
    ("应为大于 0 的数", r"must be a number above 0"),
    ("应为是或否", r"must be true or false"),
    ("应为单位编码", r"must be a UCUM code"),
    ("应为不小于 2 的版本号", r"must be a version, 2 or more"),
    ("应写明旧编码对应的新编码", r"must map codes of before to codes of now"),
    ("两个旧属性不能并成一个", r"makes one property of two"),
    ("应写明各编码的换算系数与偏移", r"must map codes to a factor and an offset"),
    ("需要大于 0 的换算系数和偏移", r"needs a factor above 0 and an offset"),
    ("物模型没有这一项", r"is not a word of thing models"),
    ("以小写字母开头，可含小写字母、数字、下划线和连字符，最长 {0} 个字符",
     r"must begin with a small letter; .+ at most (\d+)"),
    ("超过 {0} 个字符", r"is longer than (\d+) characters"),
    ("含有不可用的空字符", r"holds U\+0000"),
    ("需要下限和上限两个数", r"needs two numbers, the lower and the higher"),
    ("下限应小于上限", r"goes from the lower to the higher number"),
    ("应在合理范围之内", r"lies within the range"),
    ("需要编码和中英文名称", r"needs a code and both names"),
    ("{0} 不在可用单位之列，或此项不是数值",
     r"'(.*)' is not among the UCUM codes of units.yaml, or no number has it"),
    ("选项只用于文本，且编码不能重复", r"are different codes of a text"),
    ("只用于数值", r"is for numbers"),
    ("{0} 重复出现", r"(\S+) stands there twice"),
    ("换算步骤应按版本递增，且不超过本版本", r"goes up version by version, and not beyond the model's"),
    ("第 {1} 版的 {0} 变为 {2}，而本版没有这一属性", r"(\S+) of version (\d+) becomes (\S+), which is no property"),
    ("第 {1} 版的 {0} 已改名，本版却仍有这一属性", r"(\S+) of version (\d+) is still a property"),
    ("{0} 自第 {2} 版起以{1}保存读数；请给这一属性换一个新编码",
     r"readings of (\S+) are kept as (\S+) since version (\d+); .+"),
    ("{0} 自第 {2} 版起以 {1} 保存读数；请给这一属性换一个新编码，并写明旧值乘以多少",
     r"readings of (\S+) are kept in (.+) since version (\d+); .+"),
    ("须保持为{0}：已有这一类设备，其数据一直按{0}单独保管；改为场所后会出现在地图、查询和导出中",
     r"stays (\S+): .+ as that of a \S+; .+"),
    ("须保持为{0}：已有这一类设备，谁能查看由此决定", r"stays (\S+): .+"),
    ("应为 {0}，即现行版本的下一版", r"is (\d+), the version after the one in force"),
    ("须保持为 {0}", r"stays (\S+), the code it was begun with"),
]  # fmt: skip
_BOOK = [(re.compile(pattern), words) for words, pattern in _LINES]


def zh(reason: str) -> str:
    """The same in Chinese; the reason itself when no line knows it."""
    for pattern, words in _BOOK:
        if found := pattern.fullmatch(reason):
            return words.format(*(", ".join(_KINDS.get(w, w) for w in one.split(", ")) for one in found.groups()))
    return reason
