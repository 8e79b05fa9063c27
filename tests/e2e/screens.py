"""The named screens: who looks, where, what is done there, and what must be seen before the picture is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page


@dataclass(frozen=True, slots=True)
class Screen:
    """`path` may hold names of `Facts`. `ready` is a selector, `act` is done there; sizes as in `browser.SIZES`."""

    name: str
    path: str
    account: str = ""
    ready: str = "h1"
    sizes: tuple[str, ...] = ("laptop", "phone")
    themes: tuple[str, ...] = ("light", "dark")
    act: Callable[[Page], None] | None = None


def click(selector: str, then: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.locator(selector).first.click()
        page.locator(then).first.wait_for()

    return act


def bulk(page: Page) -> None:
    """All that is shown is chosen, and the look at a dispatch of it open."""
    page.get_by_test_id("bulk-all").click()
    page.get_by_test_id("bulk-dispatch").click()
    page.get_by_test_id("bulk-look").wait_for()


def press(key: str, then: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.keyboard.press(key)
        page.locator(then).first.wait_for()

    return act


def cut(addresses: str, then: str) -> Callable[[Page], None]:
    """The network fails for these addresses."""

    def act(page: Page) -> None:
        page.route(addresses, lambda route: route.abort())
        page.reload()
        page.locator(then).first.wait_for(timeout=60_000)

    return act


def device_sheet(page: Page) -> None:
    """A sheet with a device that could be entered, and mistakes."""
    lines = ["code,model,name,area,lon,lat,parent", "NEW-1,lamp,新路灯,,117.27,32.0,", "NEW 2,nothing,,,1,1,GW-0"]
    sheet = {"name": "devices.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    page.get_by_test_id("import-file").set_input_files(files=[sheet])  # type: ignore[list-item]
    page.get_by_test_id("import-errors").wait_for(timeout=60_000)


def lost(page: Page) -> None:
    """The stream of events fails; without a shared worker the page itself asks for it, where it can be cut."""
    page.add_init_script("delete window.SharedWorker")
    cut("**/live/events*", "[data-testid=live-banner]")(page)


def of_class(page: Page) -> None:
    """A class that asks a form of its own."""
    page.locator("[data-testid=report-class] option[value='202170']").wait_for(state="attached")
    page.get_by_test_id("report-class").select_option("202170")
    page.get_by_test_id("class-form").wait_for()


def offline(page: Page) -> None:
    page.context.set_offline(True)
    page.locator("[data-testid=net].off").wait_for()


def refused(page: Page) -> None:
    page.locator("input[name=phone]").fill("12")
    page.locator("#report button.main").click()
    page.locator("#errors").wait_for()


def find(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.get_by_test_id("palette-input").fill("水位")
    page.get_by_test_id("palette-item").nth(3).wait_for()


def replay(page: Page) -> None:
    page.get_by_test_id("replay").click()
    page.get_by_test_id("time-bar").press("PageDown")


def split(page: Page) -> None:
    """A grid cut by a line through its middle, as far as the preview."""
    page.locator("[data-testid=map][data-ready=true]").wait_for()
    page.get_by_test_id("grid-split").click()
    page.wait_for_timeout(1500)  # the map flies to the grid
    box = page.get_by_test_id("map").bounding_box()
    assert box
    for dx in (-280, 0, 280):
        page.mouse.click(box["x"] + box["width"] / 2 + dx, box["y"] + box["height"] / 2)
        page.wait_for_timeout(450)
    page.get_by_test_id("grid-preview-go").click()
    page.get_by_test_id("grid-preview").wait_for()


def chosen(page: Page) -> None:
    """A facet pressed and two devices chosen for a comparison."""
    page.get_by_test_id("facet-link-silent").click()
    page.get_by_test_id("explorer-clear").wait_for()
    page.wait_for_timeout(600)
    for number in (0, 1):
        page.get_by_test_id("device-choose").nth(number).check()
    page.get_by_test_id("explorer-chosen").wait_for()


def bench(page: Page) -> None:
    """A stricter limit tried on the last day: the alarm that was raised, and more."""
    for field, limit in enumerate(("1.2", "1")):
        page.get_by_test_id("rule-panel").locator("input[type=number]").nth(field).fill(limit)
    page.get_by_test_id("rule-bench").get_by_role("radio").first.click()
    page.get_by_test_id("bench-go").click()
    page.get_by_test_id("bench-said").scroll_into_view_if_needed()
    page.get_by_test_id("rule-panel").evaluate("panel => panel.scrollTo(0, panel.scrollHeight)")


def commands(page: Page) -> None:
    """The commands of a device and what the district tells it."""
    page.get_by_test_id("tab-commands").click()
    page.get_by_test_id("command-list").wait_for()
    page.get_by_test_id("shared-attributes").scroll_into_view_if_needed()


def command(page: Page) -> None:
    """A command under the second look."""
    page.get_by_test_id("tab-commands").click()
    page.get_by_test_id("command-dim").click()
    page.locator("[data-testid^=parameter-]").first.fill("60")
    page.get_by_test_id("command-send").click()
    page.get_by_test_id("command-sure").wait_for()


def keys_of(page: Page) -> None:
    """The credentials of a device."""
    page.get_by_test_id("tab-keys").click()
    page.get_by_test_id("credentials").wait_for()


def trial(page: Page) -> None:
    """A message that an older device sends, tried on a draft."""
    page.get_by_test_id("side-try").click()
    page.get_by_test_id("try-speaks").select_option("1")
    page.get_by_test_id("try-message").fill('{"lvl": 1250, "rust": 3}')
    page.get_by_test_id("try-go").click()
    page.get_by_test_id("try-told").wait_for()


DESK = ("laptop",)
HALL = ("laptop", "wall")
HAND = ("phone",)
EVERY = ("laptop", "wall", "phone")
SUNNY = ("light", "dark", "sun")
DIALOG = "dialog[open]"
SCREENS = (
    Screen("portal-home", "/"),
    Screen("portal-unit", "/q/{unit}"),
    Screen("portal-refused", "/q/{unit}", act=refused),
    Screen("portal-report", "/report"),
    Screen("portal-map", "/map"),
    Screen("portal-privacy", "/privacy"),
    Screen("portal-ticket", "/t/{ticket}"),
    Screen("portal-public-case", "/c/{number}", sizes=HAND, themes=("light",)),
    Screen("portal-done", "/done", sizes=HAND),
    Screen("portal-heat", "/heat", sizes=DESK, themes=("dark",)),
    Screen("portal-data", "/data", sizes=HAND, themes=("light",)),
    Screen("portal-alerts", "/alerts", sizes=HAND, themes=("dark",)),
    Screen("portal-follow-phone", "/follow/phone", sizes=HAND, themes=("light",)),
    Screen("portal-404", "/nothing-here"),
    Screen("portal-410", "/q/{old_code}"),
    Screen("console-sign-in", "/console/", ready="input[name=username]"),
    Screen("console-live", "/console/", "dispatcher", "[data-testid=live-view]", HALL),
    Screen("console-live-case", "/console/live/{case}", "dispatcher", "[data-testid=action-bar]", HALL),
    Screen("console-replay", "/console/live", "dispatcher", "[data-testid=replay]", DESK, act=replay),
    Screen("console-palette", "/console/live", "dispatcher", "[data-testid=queue]", DESK, act=find),
    Screen("console-keys", "/console/cases", "dispatcher", "h1", DESK, act=press("?", DIALOG)),
    Screen("console-menu", "/console/cases", "dispatcher", "h1", DESK,
           act=click("[data-testid=account-menu]", "[data-testid=sign-out]")),
    Screen("console-cases", "/console/cases", "dispatcher", "[data-testid=case-list]", HALL),
    Screen("console-case", "/console/cases/{case}", "dispatcher", "[data-testid=case-page] h1", HALL),
    Screen("console-act", "/console/cases/{case}", "dispatcher", "[data-testid=action-bar]", DESK,
           act=click("[data-testid^=do-]", DIALOG)),
    Screen("console-visitor", "/console/cases/{case}", "dispatcher", "[data-testid=action-bar]", DESK,
           act=press("F8", "[data-testid=mask-banner]")),
    Screen("console-new-case", "/console/cases?new=1", "intake", DIALOG, DESK),
    Screen("console-devices", "/console/devices", "dispatcher", "[data-testid=device-list]", HALL),
    Screen("console-devices-filtered", "/console/devices?view=list", "dispatcher", "[data-testid=device-list]", DESK,
           act=chosen),
    Screen("console-devices-empty", "/console/devices?q=zzzzzz&view=list", "dispatcher", "[data-testid=state-empty]",
           DESK),
    Screen("console-compare", "/console/compare?s={device}:level,{device}:battery,{device}:level:604800", "dispatcher",
           "[data-testid=compare-legend]", ("laptop", "wall", "phone")),
    Screen("console-compare-empty", "/console/compare", "dispatcher", "[data-testid=state-empty]", DESK),
    Screen("console-calendar", "/console/devices/{device}", "dispatcher", "[data-testid=tab-calendar]", HALL,
           act=click("[data-testid=tab-calendar]", "[data-testid=heat-grid]")),
    Screen("console-device", "/console/devices/{device}", "dispatcher", "[data-testid=chart]", HALL),
    Screen("console-joining", "/console/joining", "integrator", "[data-testid=profiles]", EVERY),
    Screen("console-joining-profile", "/console/joining/profiles/{profile}", "integrator",
           "[data-testid=profile-came] a", EVERY),
    Screen("console-joining-new", "/console/joining", "integrator", "[data-testid=profiles]", EVERY,
           act=press("n", "[data-testid=profile-form]")),
    Screen("console-joined", "/console/joining/devices", "integrator", "[data-testid=joined]", EVERY),
    Screen("console-refused", "/console/joining/refused", "integrator", "[data-testid=refused]", EVERY),
    Screen("console-claims", "/console/joining/claims", "integrator", "[data-testid=claims]", EVERY),
    Screen("console-claim", "/console/joining/claims?claim=CL-1", "integrator", "[data-testid=claim-form]"),
    Screen("console-certificates", "/console/joining/certificates", "integrator", "[data-testid=certificates]", EVERY),
    Screen("console-certificate-new", "/console/joining/certificates", "integrator", "[data-testid=certificates]", DESK,
           act=press("n", "[data-testid=certificate-form]")),
    Screen("console-joining-empty", "/console/joining/devices?profile={unknown}", "integrator",
           "[data-testid=state-empty]", DESK),
    Screen("console-joining-lost", "/console/joining", "integrator", "[data-testid=profiles]", DESK,
           act=cut("**/api/v1/provisioning-profiles*", "[data-testid=state-error]")),
    Screen("console-firmware", "/console/firmware", "integrator", "[data-testid=campaigns]", EVERY),
    Screen("console-campaign", "/console/firmware/campaigns/{campaign}", "integrator", "[data-testid=updates] li",
           EVERY),
    Screen("console-campaign-seen", "/console/firmware/campaigns/{campaign}", "dispatcher",
           "[data-testid=updates] li", DESK),
    Screen("console-campaign-new", "/console/firmware/campaigns?firmware={package}", "integrator",
           "[data-testid=campaign-reach] .strong", EVERY),
    Screen("console-packages", "/console/firmware/packages/{package}", "integrator", "[data-testid=package-sum]",
           EVERY),
    Screen("console-upload", "/console/firmware/packages", "integrator", "[data-testid=packages]", ("laptop", "phone"),
           act=press("n", "[data-testid=upload-form]")),
    Screen("console-device-firmware", "/console/devices/{updating}", "integrator", "[data-testid=tab-firmware]",
           ("laptop", "phone"), act=click("[data-testid=tab-firmware]", "[data-testid=device-update]")),
    Screen("console-device-keys", "/console/devices/{device}", "integrator", "[data-testid=tab-keys]",
           ("laptop", "phone"), act=keys_of),
    Screen("console-quality", "/console/devices/quality?days=7", "dispatcher", "[data-testid=quality-table]", HALL),
    Screen("console-quality-devices", "/console/devices/quality?by=model&what=unreported", "dispatcher",
           "[data-testid=quality-device]", HALL),
    Screen("console-health", "/console/devices/health", "integrator", "[data-testid=health-processes]", HALL),
    Screen("console-models", "/console/thing-models", "integrator", "[data-testid=model-list]", HALL),
    Screen("console-model", "/console/thing-models/well_probe", "integrator", "[data-testid=model-properties]", HALL),
    Screen("console-model-new", "/console/thing-models", "integrator", "[data-testid=model-list]", DESK,
           act=press("n", "[data-testid=new-model]")),
    Screen("console-model-history", "/console/thing-models/well_probe?tab=history", "integrator",
           "[data-testid=model-history]", DESK),
    Screen("console-model-draft", "/console/thing-model-drafts/{draft}", "integrator", "[data-testid=difference]"),
    Screen("console-model-try", "/console/thing-model-drafts/{draft}", "integrator", "[data-testid=difference]", DESK,
           act=trial),
    Screen("console-model-publish", "/console/thing-model-drafts/{draft}", "integrator", "[data-testid=difference]",
           DESK, act=click("[data-testid=draft-publish]", "[data-testid=publish]")),
    Screen("console-alarms", "/console/alarms", "dispatcher", "[data-testid=alarm-list]", (*HALL, "phone")),
    Screen("console-alarm", "/console/alarms/{alarm}", "dispatcher", "[data-testid=alarm-panel] h2", (*DESK, "phone")),
    Screen("console-alarm-assign", "/console/alarms/{alarm}", "dispatcher", "[data-testid=hand-over]", DESK,
           act=click("[data-testid=hand-over]", "[data-testid=assign-team]")),
    Screen("console-storm", "/console/incidents/{incident}", "dispatcher", "[data-testid=incident-members]", DESK),
    Screen("console-works", "/console/maintenance/{works}", "dispatcher", "[data-testid=works-panel]", DESK),
    Screen("console-works-form", "/console/maintenance", "dispatcher", "[data-testid=works-row]", DESK,
           act=press("n", "[data-testid=works-form]")),
    Screen("console-figures", "/console/alarm-figures", "dispatcher", "[data-testid=figures]", DESK),
    Screen("console-flapping", "/console/alarm-figures", "dispatcher", "[data-testid=figures]", DESK,
           act=click("[data-testid=figures-flapping]", "[role=tab][aria-selected=true]")),
    Screen("console-works-lost", "/console/maintenance", "dispatcher", "[data-testid=works-row]", DESK,
           act=cut("**/api/v1/maintenance-windows*", "[data-testid=state-error]")),
    Screen("console-import", "/console/case-imports", "dutylead", "[data-testid=import-page]", DESK),
    Screen("console-device-import", "/console/devices/import", "integrator", "[data-testid=device-import]",
           (*DESK, "phone")),
    Screen("console-device-import-wrong", "/console/devices/import", "integrator", "[data-testid=device-import]",
           (*DESK, "phone"), act=device_sheet),
    Screen("console-device-import-lost", "/console/devices/import", "integrator", "[data-testid=device-import]", DESK,
           act=cut("**/api/v1/device-imports*", "[data-testid=state-error]")),
    Screen("console-device-sheets", "/console/devices", "integrator", "[data-testid=device-sheets]",
           (*DESK, "phone"), act=click("[data-testid=device-sheets]", "[data-testid=devices-import]")),
    Screen("console-rules", "/console/rules", "dispatcher", "[data-testid=rules]", DESK),
    Screen("console-rule", "/console/rules/{rule}", "integrator", "[data-testid=rule-panel]", DESK),
    Screen("console-rule-bench", "/console/rules/{rule}", "integrator", "[data-testid=rule-bench]", HALL, act=bench),
    Screen("console-commands", "/console/devices/{lamp}", "integrator", "[data-testid=tab-commands]", HALL,
           act=commands),
    Screen("console-command", "/console/devices/{lamp}", "dispatcher", "[data-testid=tab-commands]", DESK, act=command),
    Screen("console-indicators", "/console/indicators?period=week", "leader", "[data-testid=figures]", DESK),
    Screen("console-league", "/console/indicators?tab=league&by=grid&indicator=validReportRate", "leader", "h1", DESK),
    Screen("console-own-figures", "/console/indicators?tab=mine", "crew", "[data-testid=figures]", DESK),
    Screen("console-supervision", "/console/supervision?reason=supervised", "dutylead", "[data-testid=supervision]",
           DESK),
    Screen("console-remind", "/console/supervision?reason=supervised", "dutylead", "[data-testid=supervision-row]",
           DESK, act=click("[data-testid=remind]", "[data-testid=remind-preview]")),
    Screen("console-bulk", "/console/cases", "dispatcher", "[data-testid=bulk-all]", DESK, act=bulk),
    Screen("console-routing", "/console/routing/{routing}", "admin", "[data-testid=dry-run-moves]", DESK),
    Screen("console-rule-form", "/console/routing/{routing}", "admin", "[data-testid=rule-edit-1]", DESK,
           act=click("[data-testid=rule-edit-1]", "[data-testid=rule-form]")),
    Screen("console-bulletins", "/console/bulletins", "dutylead", "[data-testid=bulletin-new]", DESK,
           act=click("[data-testid=bulletin-new]", "[data-testid=bulletin-draft]")),
    Screen("console-teams", "/console/teams", "dispatcher", "h1", DESK),
    Screen("console-team", "/console/teams/{team}", "admin", "h2", DESK),
    Screen("console-grids", "/console/grids", "dutylead", "h1", DESK),
    Screen("console-grid-editor", "/console/grids/{grid}", "admin", "[data-testid=grid-split]", DESK, act=split),
    Screen("console-forms", "/console/forms", "dutylead", "h1", DESK),
    Screen("console-patrols", "/console/patrols", "dutylead", "[data-testid=coverage]", DESK),
    Screen("console-playbooks", "/console/playbooks", "dispatcher", "[data-testid=playbooks]", DESK),
    Screen("console-playbook", "/console/playbooks/waterlogging", "dispatcher", "[data-testid=playbook]", DESK),
    Screen("console-operations", "/console/operations", "dispatcher",
           "[data-testid=operations], [data-testid=state-empty]", DESK),
    Screen("console-operation", "/console/operations", "dispatcher", "[data-testid=operations] a", DESK,
           act=click("[data-testid=operations] a", "[data-testid=operation]")),
    Screen("console-operation-new", "/console/operations", "dispatcher", "h1", DESK,
           act=click("[data-testid=operation-new]", "[data-testid=operation-form]")),
    Screen("console-day", "/console/day", "leader", "[data-testid=day-open]", HALL),
    Screen("console-handover", "/console/handovers", "dutylead", "[data-testid=handover-write]", DESK,
           act=click("[data-testid=handover-write]", "[data-testid=handover-hand]")),
    Screen("console-centre", "/console/centres", "wanlidesk", "[data-testid=centre-states]", HALL),
    Screen("console-centre-list", "/console/centres?all=1", "supervisor", "[data-testid=centre-list]", DESK),
    Screen("console-board", "/console/centres/command", "dutylead", "[data-testid=board-new]", DESK,
           act=click("[data-testid=board-new]", DIALOG)),
    Screen("console-roster", "/console/rosters", "dutylead", "[data-testid=roster-week]", HALL),
    Screen("console-shift", "/console/rosters", "dutylead", "[data-testid=shift-new]", DESK,
           act=click("[data-testid=shift-new]", DIALOG)),
    Screen("console-roster-import", "/console/rosters/import", "dutylead", "[data-testid=roster-import]", DESK),
    Screen("console-notices", "/console/notices", "dutylead", "[data-testid=notices-form]", DESK),
    Screen("console-people", "/console/people", "admin", "h1", DESK),
    Screen("console-integrations", "/console/integrations", "admin", "h1", DESK),
    Screen("console-hooks", "/console/webhooks", "integrator", "[data-testid=hooks], [data-testid=state-empty]", DESK),
    Screen("console-hook-new", "/console/webhooks", "integrator", "h1", DESK,
           act=click("[data-testid=hook-new]", "[data-testid='type-case.created']")),
    Screen("console-intake", "/console/intake", "integrator", "[data-testid=intakes], [data-testid=state-empty]", DESK),
    Screen("console-intake-new", "/console/intake", "integrator", "h1", DESK,
           act=click("[data-testid=intake-new]", "[data-testid=intake-mapping]")),
    Screen("console-reading-hooks", "/console/reading-hooks", "integrator",
           "[data-testid=readings], [data-testid=state-empty]", DESK),
    Screen("console-reading-hooks-new", "/console/reading-hooks", "integrator", "h1", DESK,
           act=click("[data-testid=readings-new]", "[data-testid=readings-mapping]")),
    Screen("console-audit", "/console/audit", "auditadmin", "h1", DESK),
    Screen("console-reads", "/console/personal-reads", "auditadmin", "h1", DESK),
    Screen("console-account", "/console/account", "integrator", "h1", DESK),
    Screen("console-missing", "/console/nothing", "dispatcher", "[data-testid=missing]", DESK),
    Screen("console-forbidden", "/console/audit", "dispatcher", "[data-testid=missing]", DESK),
    Screen("console-empty", "/console/cases?q=zzzzzz", "dispatcher", "[data-testid=state-empty]", DESK),
    Screen("console-failed", "/console/cases", "dispatcher", "h1", DESK,
           act=cut("**/api/v1/cases?*", "[data-testid=state-error]")),
    Screen("console-lost", "/console/live", "dispatcher", "[data-testid=live-view]", DESK, act=lost),
    Screen("window-map", "/console/window/map", "dispatcher", "[data-testid=map][data-ready=true]", HALL),
    Screen("window-queue", "/console/window/queue", "dispatcher", "[data-testid=queue-item]", DESK),
    Screen("window-case", "/console/window/case/{case}", "dispatcher", "[data-testid=case-page] h1", DESK),
    Screen("console-wall", "/console/wall", "dispatcher", "[data-testid=wall]", ("wall", "wall-hd"), ("dark",)),
    Screen("field-sign-in", "/field/", ready="input[name=username]", sizes=HAND, themes=SUNNY),
    Screen("field-today", "/field/", "crew", "[data-testid=task-card]", HAND, SUNNY),
    Screen("field-task", "/field/task/{task}", "crew", "[data-testid=task-state]", HAND, SUNNY),
    Screen("field-offline", "/field/", "crew", "[data-testid=task-card]", HAND, SUNNY, act=offline),
    Screen("field-report", "/field/report", "member", "[data-testid=report-send]", HAND, SUNNY),
    Screen("field-report-form", "/field/report", "member", "[data-testid=report-send]", HAND, SUNNY, act=of_class),
    Screen("field-map", "/field/map", "member", "h1", HAND, SUNNY),
    Screen("field-drafts", "/field/drafts", "member", "h1", HAND, ("light",)),
    Screen("field-forms", "/field/forms", "member", "[data-testid=form-card]", HAND, ("light",)),
    Screen("field-form", "/field/form/building_hazards", "member", "[data-testid=form-send]", HAND, SUNNY),
    Screen("field-patrol", "/field/patrol", "crew", "h1", HAND, ("light",)),
    Screen("field-board", "/field/board", "crew", "[data-testid=note]", HAND, SUNNY),
    Screen("field-outbox", "/field/outbox", "member", "h1", HAND, SUNNY),
    Screen("field-me", "/field/me", "member", "[data-testid=duty]", HAND, SUNNY),
)  # fmt: skip
