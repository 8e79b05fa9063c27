"""The demo district's staff as the pack names it: sub-centres have an area of their own and somebody at their desk."""

from __future__ import annotations

import pytest

from linli.demo import staff
from linli.identity.models import Account, RoleGrant
from linli.kernel import packs
from linli.orgs.models import Centre
from linli.places.models import Grid
from linli.places.pack import load_pack

pytestmark = pytest.mark.django_db


def test_sub_centres_have_a_part_of_the_district_and_a_dispatcher() -> None:
    load_pack()
    staff.load(packs.read_yaml(packs.root() / "demo" / "staff.yaml"))
    for code, desk, community in (("wanli", "wanlidesk", "万里社区"), ("xuqiao", "xuqiaodesk", "徐桥社区")):
        centre = Centre.objects.get(code=code)
        quarter = Grid.objects.get(area_path=centre.area_path, valid_to=None)
        assert (centre.kind, quarter.level) == ("sub_centre", 1)
        assert Grid.objects.get(name_zh=community, valid_to=None).area_path.startswith(centre.area_path + ".")
        grant = RoleGrant.objects.get(account=Account.objects.get(username=desk))
        assert (grant.role, grant.area_path, grant.centre_id) == ("dispatcher", centre.area_path, centre.id)
    assert {len(c.area_path.split(".")) for c in Centre.objects.exclude(kind="sub_centre")} == {1}
