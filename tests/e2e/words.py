"""Which words of a page are the interface's own, and whether they are in the language of the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Page

WEB = Path(__file__).parents[2] / "web"
HAN = re.compile(r"[\u3400-\u9fff]")
LATIN = re.compile(r"[A-Za-z]{3,}\d*")

# Latin words that Chinese pages say as well: brands, protocols and formats, names of keys.
NAMES = re.compile(
    r"(?i:linli|english|openstreetmap|maplibre|webgl|mqtt|https?|api|app|totp|geojson|json|csv|pdf|open311|sensorthings|"
    r"xlsx|xml|wgs84|gcj|tls|pem|sha(?:256)?|hmac|onenet|word|esc|shift|ctrl|enter)"
)
UNIT = re.compile("[A-Za-z]")  # s, m: alike in all languages
EITHER = re.compile(r"邻里|简体中文|中文")

# Text that is data or a name, in whatever language it was written, stands in elements marked `data-content`
# (or `lang=`), codes in `code`, `kbd` or `.mono`; the interface's own words never do.
TEXTS = """() => {
  const content = '[data-content],[data-content] *,[lang]:not(html),[lang]:not(html) *';
  const skip = 'script,style,noscript,svg title,canvas,code,kbd,.mono,.mono *,' + content;
  const own = [['', document.title]], data = [];
  const seen = (el) => (el.closest('option,optgroup')?.closest('select') ?? el).checkVisibility();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const el = walk.currentNode.parentElement, t = walk.currentNode.textContent.trim();
    if (!t || !el || !seen(el)) continue;
    if (el.closest(content)) { if (!el.closest('.mono')) data.push(t); }
    else if (!el.closest(skip)) own.push(['', t]);
  }
  const names = ['aria-label', 'aria-description', 'aria-valuetext', 'title', 'placeholder', 'alt', 'label'];
  for (const el of document.querySelectorAll(names.map((n) => `[${n}]`).join(','))) {
    if (!seen(el)) continue;
    for (const name of names) {
      const t = (el.getAttribute(name) || '').trim();
      if (t) (el.closest(content) ? data : own).push(el.closest(content) ? t : [name, t]);
    }
  }
  for (const el of document.querySelectorAll('input[type=submit],input[type=button],input[type=reset]'))
    if (seen(el) && el.value) own.push(['value', el.value]);
  return { own, data };
}"""


def foreign(text: str, language: str) -> bool:
    """Whether an interface text has Chinese on an English page, or a word that is no name on a Chinese one."""
    rest = EITHER.sub(" ", text)
    if language == "en":
        return bool(HAN.search(rest))
    return any(not NAMES.fullmatch(word) for word in LATIN.findall(rest))


def _messages() -> dict[str, set[str]]:
    """The whole messages (nothing to fill in) of the front ends, by language, without those that are alike in both."""
    found: dict[str, set[str]] = {"zh": set(), "en": set()}
    for folder in ("shared/i18n", "console/src/i18n", "field/src/i18n"):
        zh, en = (json.loads((WEB / folder / f"{name}.json").read_text()) for name in ("zh", "en"))
        for key in zh:
            if zh[key] != en[key] and "{" not in zh[key]:
                found["zh"].add(zh[key])
                found["en"].add(en[key])
    return found


MESSAGES = _messages()


def wrong_words(page: Page, language: str) -> list[str]:
    """Interface texts of the page as it stands in the other language, also those that are marked as data."""
    other = MESSAGES["zh" if language == "en" else "en"]
    texts = page.evaluate(TEXTS)
    wrong = [f"{name} {text}".strip() for name, text in texts["own"] if foreign(text, language)]
    hidden = [f"data-content {text}" for text in texts["data"] if text in other and not UNIT.fullmatch(text)]
    return list(dict.fromkeys(wrong + hidden))
