"""As if on many machines: PostgreSQL and a NATS cluster that others run, two of each process that may be many.

Every process and every node of the broker is killed in turn under load. Nothing that was acknowledged is lost, nothing
is there twice, and each time a device's level was too high is one alarm. LINLI_FAULT_KILLS says how many times.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable

import pytest
from tests.district import own_database
from tests.faults.cluster import Cluster
from tests.faults.ledger import Api, Load, iso, judge, now_ms
from tests.faults.stand import LIMIT, Stand
from tests.faults.swing import Swing, judge_alarms, rule_for

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("LINLI_FAULT_KILLS", "15"))
ONLY = set(filter(None, os.environ.get("LINLI_FAULT_ONLY", "").split(",")))  # names, to look at some closely
COPIES = "gateway=2,sense=2,relay=2,jobs=2"


def victims(district: Stand, cluster: Cluster) -> list[tuple[str, Callable[[], float]]]:
    """Everything that can be killed, with how to kill it and wait until it is back."""
    names = [name for name in district.running_names() if name != "prepare"]
    found: list[tuple[str, Callable[[], float]]] = [(n, lambda n=n: district.kill_and_wait(n)) for n in names]
    found += [(f"node-{n}", lambda n=n: cluster.kill_and_wait(n)) for n in range(len(cluster.children))]
    return [(name, kill) for name, kill in found if not ONLY or name in ONLY]


@pytest.mark.timeout(4 * 3600)
def test_kills_over_all_processes_and_broker_nodes_lose_and_double_nothing(servers: str) -> None:
    with Cluster() as cluster:
        env = {"LINLI_DATABASE_URL": own_database(servers), "LINLI_NATS_URL": cluster.url, "LINLI_NATS_REPLICAS": "3"}
        with Stand(args=("--copies", COPIES), env=env) as district:
            api = Api(district.origin, key=district.key())
            names = district.running_names()
            assert {"gateway-2", "sense-2", "relay-2", "jobs-2"} <= set(names) and "nats" not in names
            code, known = list(district.demo_devices("water_level").items())[30]
            rule_for(api, known["id"])
            time.sleep(3)  # until sense has the rule
            swing = Swing(district.status()["ports"]["mqtt"], code, known["token"])
            slowest: dict[str, float] = {}
            killed: list[tuple[str, str]] = []
            with Load(district) as load:
                swing.start()
                time.sleep(2)
                acts = itertools.cycle(victims(district, cluster))
                for name, kill in itertools.islice(acts, KILLS):
                    killed.append((iso(now_ms()), name))
                    took = kill() + district.usable_again(load)
                    slowest[name] = max(slowest.get(name, 0), took)
                time.sleep(2)
                swing.ended.set()
                swing.join(60)
                ledger = load.stop()
            print(f"\n{KILLS} kills of {len(slowest)}; {ledger.facts()}; {len(swing.expected())} alarms, "
                  f"{swing.again} readings sent again; slowest return: "
                  + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest.items()))  # fmt: skip
            assert not ledger.refused, ledger.refused[:3]
            assert judge(api, load.dispatcher, ledger, patience=60) == []
            wrong = judge_alarms(api, known["id"], swing, cluster.url)
            if wrong:  # what was killed when, and what sense says of it
                print(killed, *((district.home / "logs" / f"{n}.log").read_text() for n in ("sense", "sense-2")))
            assert wrong == []
            assert len(swing.expected()) > KILLS
            assert max(s for n, s in slowest.items() if not n.startswith("node-")) <= LIMIT, slowest
