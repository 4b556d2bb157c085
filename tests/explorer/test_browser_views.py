"""The page in the system's Chromium: colours, layouts, losses, links, and the code that does the same."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from overtone.explorer import Session

from .browsing import open_page


def test_colours_by_clusters_and_by_agreement(page: Page, address: str) -> None:
    open_page(page, address)
    page.get_by_label("Colour by").select_option("clusters")
    key = page.get_by_role("complementary", name="Colours and filters")
    expect(key.get_by_role("button", name=re.compile(r"^1: "))).to_be_visible()
    expect(key.get_by_role("listitem")).to_have_count(4)
    page.get_by_label("How many").fill("3")
    page.get_by_label("How many").press("Enter")
    expect(key.get_by_role("listitem")).to_have_count(3)
    expect(page).to_have_url(re.compile("colour=3"))
    key.get_by_role("button", name=re.compile(r"^1: ")).dblclick()
    expect(page.get_by_text("80 of 80 clips shown")).to_have_count(0)
    page.get_by_role("button", name="Table").click()
    expect(page.get_by_role("columnheader", name="3 clusters")).to_be_visible()
    page.get_by_label("Colour by").select_option("agreement of neighbours")
    expect(page.get_by_text("Share of the 10 nearest clips")).to_be_visible()


def test_clips_are_laid_out_by_neighbourhoods(page: Page, address: str) -> None:
    open_page(page, address)
    page.get_by_label("Layout").select_option("tsne")
    page.wait_for_selector('.plot[data-ready="true"]', timeout=20_000)
    expect(page.get_by_text("Distances between groups")).to_be_visible()
    expect(page.get_by_role("option", name="neighbours (UMAP), not here")).to_be_disabled()
    page.reload()
    page.wait_for_selector('.plot[data-ready="true"]')
    expect(page.get_by_label("Layout")).to_have_value("tsne")
    page.keyboard.press("n")
    expect(page.get_by_label("Layout")).to_have_value("pca")


def test_losses_are_shown_and_how_to_make_them(page: Page, address: str) -> None:
    open_page(page, address, "#/losses")
    expect(page.get_by_text("2 losses on clips.npz, 2 seeds each")).to_be_visible()
    expect(page.get_by_text("Dog is near cat.")).to_be_visible()
    expect(page.locator(".curve")).to_have_count(2)
    page.get_by_text("Variance of each class").click()
    expect(page.get_by_role("region", name="Variance of each class")).to_contain_text("dog")
    for key in ("5", "6", "1"):  # figures that are left while they are laid out
        page.keyboard.press(key)
        page.wait_for_timeout(50)
    open_page(page, address, "#/losses?run=1")
    page.reload()
    expect(page.get_by_text("overtone diagnose")).to_be_visible()


def test_a_link_brings_everything_back(page: Page, address: str) -> None:
    open_page(page, address, "#/table?sort=-duration")
    expect(page.locator(".line").first).to_contain_text("clip-79")
    page.get_by_role("columnheader", name="id", exact=True).get_by_role("button").click()
    expect(page).to_have_url(re.compile("sort=id"))
    open_page(page, address, "#/map?like=0.4.4&from=audio&to=visual")
    page.reload()
    answer = page.get_by_role("complementary", name="Answer")
    expect(answer.get_by_role("heading", name="More like 3 clips")).to_be_visible()
    expect(answer.get_by_label("To")).to_have_value("visual")
    answer.get_by_role("button", name="Close").click()
    expect(page).not_to_have_url(re.compile("like="))
    page.locator(".plot").first.focus()
    for key in ("ArrowLeft", "+", "+"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(r"at=.*1\.69"))
    place = page.url
    page.reload()
    page.wait_for_selector('.plot[data-ready="true"]')
    page.wait_for_timeout(300)
    expect(page).to_have_url(place)
    open_page(page, address, "#/map?clip=clip-9&way=visual+%E2%86%92+visual")
    page.reload()
    expect(page.get_by_role("button", name="visual → visual")).to_have_attribute("aria-pressed", "true")


def test_a_sound_may_be_left_while_its_package_arrives(page: Page, address: str) -> None:
    open_page(page, address, "#/table")
    for place in ("#/training", "#/map", "#/table"):
        page.evaluate(
            """(place) => new Promise((left) => {
                new PerformanceObserver((entries) => {
                    if (!entries.getEntries().some((one) => one.name.endsWith("wavesurfer.js"))) return;
                    location.hash = place;
                    left();
                }).observe({ type: "resource" });
                location.hash = "#/map?clip=clip-7";
            })""",
            place,
        )
        expect(page.locator(".sound")).to_have_count(0)
        page.wait_for_timeout(100)
        page.reload()  # the package arrives once a page
        page.wait_for_selector("main")


def run_python(page: Page, address: str, place: str) -> list[object]:
    """What the code of a place prints."""
    open_page(page, address, place)
    page.keyboard.press("p")
    code, said = page.locator("dialog code").inner_text(), list[object]()
    page.keyboard.press("Escape")
    exec(code, names := {"print": lambda *parts: said.extend(parts)})
    return [*said, *([names["items"].ids] if "items" in names else [])]


def test_python_makes_the_same_selection(page: Page, address: str, session: Session) -> None:
    ids = session.clips.ids
    assert run_python(page, address, "#/table?where=duration+%3C+0.4")[0] == ids[:4]
    assert run_python(page, address, "#/table?where=duration+%3C+0.4&hidden=0.2")[0] == (ids[1], ids[2])  # bell, dog
    assert run_python(page, address, "#/map?selected=0.4.4")[-1] == ("clip-0", "clip-4", "clip-8")
    like = run_python(page, address, "#/map?like=0.4.4&from=audio&to=visual")
    expected = session.spaces[0].like([0, 4, 8], 50, asked="audio", sought="visual").queries[0].hits
    assert like[0] == [hit.id for hit in expected]
    near = run_python(page, address, "#/map?clip=clip-7&way=visual+%E2%86%92+audio")
    (found,) = [
        one for one in session.spaces[0].neighbours(7, 12).ways if one.to_dict()["from_modality"] == ["visual"]
    ][:1]
    assert near[0] == found.queries[0].hits[0].id
    assert run_python(page, address, "#/training")
