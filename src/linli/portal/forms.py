"""The report form: what a stranger typed, checked without throwing any of it away."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

KINDS = ("problem", "need", "opinion")
WHERE = ("unit", "compound", "other")
MAX_TEXT, MAX_ADDRESS, MAX_PHOTO = 500, 120, 10 * 1024 * 1024
PHONE = re.compile(r"\+?[0-9()][0-9() -]{5,18}[0-9]")
NONCE = re.compile(r"[A-Za-z0-9_-]{22,64}")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF")


@dataclass
class ReportForm:
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    kind: str = "problem"
    text: str = field(default="", repr=False)
    where: str = "unit"
    address: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    consent: bool = False
    trap: str = ""
    work: str = ""
    photo: bytes = field(default=b"", repr=False)
    photo_lost: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, data: Mapping[str, str], files: Mapping[str, UploadedFile], *, with_unit: bool) -> ReportForm:
        """The form as it was sent. Never raises: what is wrong stands in `errors`."""
        made = cls(
            nonce=str(data.get("nonce", "")), kind=str(data.get("kind", "problem")), text=_clean(data.get("text")),
            where=str(data.get("where", "unit" if with_unit else "other")), address=_clean(data.get("address")),
            phone=_clean(data.get("phone")), consent=data.get("consent") == "1", trap=str(data.get("website", "")),
            work=str(data.get("altcha", "")),
        )  # fmt: skip
        if not NONCE.fullmatch(made.nonce):
            made.nonce = secrets.token_urlsafe(18)
        made._photo(files.get("photo"))
        made._check(with_unit)
        return made

    def _photo(self, upload: UploadedFile | None) -> None:
        if not upload:
            return
        if (upload.size or 0) > MAX_PHOTO:
            self.errors["photo"] = _("The photo is larger than 10 MB. Take a smaller one, or send without it.")
            return
        self.photo = upload.read()
        if self.photo and not self.photo.startswith(MAGIC):
            self.photo = b""
            self.bad_photo()

    def bad_photo(self) -> None:
        self.errors["photo"] = _("This file is not a photo that we can read. Choose a JPEG, PNG or WebP picture.")

    def _check(self, with_unit: bool) -> None:
        if self.kind not in KINDS:
            self.kind, self.errors["kind"] = "problem", _("Choose what it is: a problem, a need or an opinion.")
        if self.where not in WHERE or (self.where != "other" and not with_unit):
            self.where, self.errors["where"] = "unit" if with_unit else "other", _("Choose where it is.")
        if not self.text and not self.photo and "photo" not in self.errors:
            self.errors["text"] = _("Say in one sentence what it is about, or choose a photo.")
        elif len(self.text) > MAX_TEXT:
            self.errors["text"] = _("That is too long. Please say it in at most 500 characters.")
        if self.where == "other" and not self.address:
            self.errors["address"] = _("Say where it is: a street, a building, or what stands next to it.")
        elif len(self.address) > MAX_ADDRESS:
            self.errors["address"] = _("That is too long. Please say it in at most 120 characters.")
        self._check_phone()
        if self.trap:
            self.errors["website"] = _("Please leave this field empty. It is there to stop automatic senders.")
        self.photo_lost = bool(self.errors and self.photo)

    def _check_phone(self) -> None:
        if self.phone and not PHONE.fullmatch(self.phone):
            self.errors["phone"] = _("This does not look like a phone number. Correct it, or leave it empty.")
        elif self.phone and not self.consent:
            self.errors["consent"] = _("Tick the box if we may use the number to tell you; or leave the number empty.")
        elif self.consent and not self.phone:
            self.errors["phone"] = _("You agreed to be told, but gave no number. Add it, or untick the box.")

    def refuse(self, name: str, reason: str) -> None:
        self.errors[name] = reason
        self.photo_lost = bool(self.photo)


def _clean(value: object) -> str:
    return CONTROL.sub("", str(value or "")).strip()
