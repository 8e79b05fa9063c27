"""Addresses grouped by their first part lead where they led before."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.urls import Resolver404, get_resolver, path, resolve, reverse
from django.urls.resolvers import ResolverMatch

import linli.urls  # noqa: F401  registers every route
from linli.kernel import http
from linli.kernel.routing import Switch, by_first_part


def example(route: str) -> str:
    values = {"code": "level", "layer": "roads", "action": "file", "short_code": "123456", "version": "1"}
    return re.sub(r"\{(?:\w+:)?(\w+)\}", lambda m: values.get(m[1], str(uuid4())), route)


@pytest.mark.parametrize("route", http.ROUTES, ids=lambda r: f"{r.method} {r.path}")
def test_every_route_of_the_api_is_found_under_its_own_name(route: http.Route) -> None:
    found = resolve("/api/v1" + example(route.path))
    names = re.compile(r"[{<](?:\w+:)?(\w+)[}>]")
    assert names.sub(r"<\1>", found.route) == names.sub(r"<\1>", "api/v1" + route.path)


def test_a_request_is_held_against_few_patterns() -> None:
    api = next(p for p in get_resolver().url_patterns if str(p.pattern) == "api/v1/")
    switch = api.url_patterns[0]
    assert isinstance(switch, Switch) and len(api.url_patterns) < 5, "nearly all addresses begin with a fixed part"
    with pytest.raises(Resolver404) as missed:
        resolve(f"/api/v1/cases/{uuid4()}/nothing-of-this-name")
    tried = [t for t in missed.value.args[0]["tried"] if str(t[0].pattern) == "api/v1/"]
    assert len(tried) < 8 < len(switch.url_patterns)
    held = [str(p.pattern) for p in switch._groups["cases", 1]["*"].url_patterns]
    assert held == ["cases/<case_id>"], "the address of one case is held against that of one case alone"


def tried(pattern: Any, address: str) -> ResolverMatch | None:
    try:
        return pattern.resolve(address)
    except Resolver404:
        return None


def test_order_counts_within_a_first_part_and_nothing_else_gets_in() -> None:
    def view(request: object) -> None: ...

    urls = [path("cases/pins", view, name="pins"), path("<slug:any>/x", view, name="any"),
            path("cases/<slug:case>", view, name="one"), path("cases/late", view, name="late"),
            path("cases/<slug:case>/x", view, name="of one"), path("cases/<path:rest>", view, name="rest"),
            path("casesx", view, name="longer")]  # fmt: skip
    grouped = by_first_part(urls)
    asked = {"cases/pins": "pins", "cases/7": "one", "cases/late": "one", "casesx": "longer", "case/x": "any",
             "cases/7/x": "of one", "cases/pins/x": "of one", "cases/a/b/c": "rest"}  # fmt: skip
    for address, name in asked.items():
        found = next(match for match in (tried(p, address) for p in grouped) if match)
        assert found.url_name == name, address
    with pytest.raises(Resolver404):
        resolve("/api/v1/caseshare")
    assert reverse("api:openapi-json") == "/api/v1/openapi.json"
