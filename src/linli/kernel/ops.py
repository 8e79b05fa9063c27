"""What operators ask the process `web`: is it alive, can it work, and its figures with those of all processes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.parser import text_string_to_metric_families

from linli.kernel import metrics

_migrated = False


class RequestFigures:
    """Counts requests and their time by route, never by address (addresses hold ids)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        route = (match.route if match else "") or "none"
        method = request.method if request.method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD") else "other"
        metrics.REQUESTS.labels(method, route, str(response.status_code)).inc()
        metrics.REQUEST_SECONDS.labels(method, route).observe(time.perf_counter() - began)
        return response


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nothing of the database."""
    return JsonResponse({"status": "ok", "process": "web"})


def readyz(request: HttpRequest) -> HttpResponse:
    """The process can do its work: the database answers and has every table this version needs."""
    try:  # not by the pool: it would wait, and hide that the server is gone
        psycopg.connect(os.environ["LINLI_DATABASE_URL"], connect_timeout=2).close()
        migrated = _is_migrated()
    except Exception as error:
        return JsonResponse({"ready": False, "database": type(error).__name__}, status=503)
    state = {"ready": migrated, "database": "ok", "migrated": migrated}
    return JsonResponse(state, status=200 if migrated else 503)


def _is_migrated() -> bool:
    """True once no migration of this version is missing; asked of the database until then."""
    global _migrated
    if not _migrated:
        from django.db.migrations.executor import MigrationExecutor

        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated


def figures(request: HttpRequest) -> HttpResponse:
    """Prometheus text of this and all other processes; each sample carries the label `process`."""
    return HttpResponse("".join(merged(_texts())), content_type=CONTENT_TYPE_LATEST)


def _texts() -> dict[str, str | None]:
    """What each process tells Prometheus; None for one that does not answer."""
    texts: dict[str, str | None] = {"web": _own_text()}
    with httpx.Client(trust_env=False, timeout=2) as client:
        for name, port in _ports().items():
            try:
                texts[name] = client.get(f"http://127.0.0.1:{port}/metrics").raise_for_status().text
            except httpx.HTTPError:
                texts[name] = None
    return texts


def _ports() -> dict[str, int]:
    found: dict[str, int] = json.loads(os.environ.get("LINLI_METRICS_PORTS") or "{}")
    return found


Samples = dict[str, list[tuple[dict[str, str], float]]]


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A process as its operations door tells it: whether it answers, can work, and its samples by name."""

    name: str
    up: bool
    ready: bool
    state: dict[str, Any]
    samples: Samples


def processes() -> list[ProcessState]:
    """This process and those whose doors it was told (LINLI_METRICS_PORTS): on one machine all of them."""
    states = _states()
    return [
        ProcessState(name, text is not None, bool(states.get(name, {}).get("ready", name == "web")),
                     states.get(name, {}), _samples(text or ""))
        for name, text in _texts().items()
    ]  # fmt: skip


def _states() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    with httpx.Client(trust_env=False, timeout=2) as client:
        for name, port in _ports().items():
            try:
                found[name] = client.get(f"http://127.0.0.1:{port}/readyz").json()
            except (httpx.HTTPError, ValueError):
                found[name] = {}
    return found


def _samples(text: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), float(sample.value)))
    return found


def _own_text() -> str:
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry).decode()
    return generate_latest(REGISTRY).decode()


def merged(texts: dict[str, str | None]) -> Iterable[str]:
    """One exposition of several processes: each family once, each sample told apart by its process.

    A process without a text did not answer: it has `linli_process_up 0` and nothing else.
    """
    families: dict[str, tuple[str, str, list[str]]] = {}
    up = []
    for process, text in texts.items():
        up.append(f'linli_process_up{{process="{process}"}} {0 if text is None else 1}\n')
        for family in text_string_to_metric_families(text or ""):
            _, _, lines = families.setdefault(family.name, (family.type, family.documentation, []))
            lines.extend(_line(sample, process) for sample in family.samples)
    yield "# TYPE linli_process_up gauge\n" + "".join(up)
    for name, (kind, documentation, lines) in families.items():
        told = f"{name}_total" if kind == "counter" else name
        help_text = documentation.replace("\\", "\\\\").replace("\n", "\\n")
        yield f"# HELP {told} {help_text}\n# TYPE {told} {kind}\n" + "".join(lines)


def _line(sample: Any, process: str) -> str:
    labels = {**sample.labels, "process": process}
    escaped = ",".join(
        '{}="{}"'.format(key, str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for key, value in labels.items()
    )
    return f"{sample.name}{{{escaped}}} {sample.value}\n"
