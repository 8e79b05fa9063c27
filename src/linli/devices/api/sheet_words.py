"""Words of the sheets about joining and firmware, for people."""

from __future__ import annotations

from linli.kernel.i18n import say

REASONS = {
    "closed": ("配置未开放", "Profile closed"), "full": ("名额已满", "Profile full"),
    "not-registered": ("编码没有登记", "Not registered before"), "taken": ("名称已被占用", "Name taken"),
    "speaks": ("同名设备正在使用", "Device in service"), "has-credential": ("已有密钥", "Has a credential"),
    "too-late": ("超过十分钟", "Too late"), "credential-taken": ("自带密钥已被使用", "Credential taken"),
    "no-gateways": ("不允许网关", "No gateways"), "model-retired": ("物模型已停用", "Thing model retired"),
    "wrong-secret": ("密码错误", "Wrong secret"),
}  # fmt: skip
"""Why a profile refused a name."""
STATES = {
    "waiting": ("未通知", "Waiting"), "told": ("已通知", "Told"), "downloading": ("下载中", "Downloading"),
    "downloaded": ("已下载", "Downloaded"), "updating": ("升级中", "Updating"), "updated": ("已升级", "Updated"),
    "failed": ("失败", "Failed"), "cancelled": ("不再升级", "Called off"),
}  # fmt: skip
"""How far a device of a campaign is."""


def spoken(table: dict[str, tuple[str, str]], code: str) -> str:
    """The word of a code in the language of the request; the code itself when it has none."""
    return say(*table[code]) if code in table else code
