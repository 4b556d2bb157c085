"""The page in the system's Chromium: every view, by pointer and by keyboard; a silent console, no foreign request."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from .browsing import PHONE, VIEWS, WIDE, open_page, point_of
from .conftest import CLIPS

AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "preload": False}


def test_click_on_a_point_opens_its_clip_with_media_and_neighbours(page: Page, address: str) -> None:
    open_page(page, address)
    page.mouse.click(*point_of(page, 9))
    drawer = page.get_by_role("complementary", name="Clip")
    expect(drawer.get_by_role("heading", name="clip-9")).to_be_visible()
    expect(drawer.get_by_role("listitem")).to_have_count(12)
    drawer.get_by_role("button", name="visual → visual").click()
    expect(page).to_have_url(re.compile("clip=clip-9"))
    picture = drawer.get_by_role("img", name="clip-9.png")
    expect(picture).to_be_visible()
    assert picture.evaluate("one => one.naturalWidth") == 8
    page.go_back()
    expect(drawer).to_be_hidden()


def test_a_sound_is_played(page: Page, address: str) -> None:
    open_page(page, address, "#/map?clip=clip-9")
    expect(page.get_by_text("/ 0.5 s")).to_be_visible()
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_text("0.5 / 0.5 s")).to_be_visible()


def test_search_opens_a_clip_or_selects_all(page: Page, address: str) -> None:
    open_page(page, address)
    box = page.get_by_role("combobox", name="Search id or text")
    box.fill("clip-33")
    page.get_by_role("option", name="clip-33").first.click()
    expect(page.get_by_role("heading", name="clip-33")).to_be_visible()
    box.fill("rain")
    page.get_by_role("option", name="Select all").click()
    expect(page.get_by_role("region", name="Selection")).to_be_visible()
    box.fill("no such thing")
    expect(page.get_by_text("No id and no text has")).to_be_visible()


def test_filter_and_key_hide_clips_in_all_views(page: Page, address: str) -> None:
    open_page(page, address)
    page.get_by_label("Filter", exact=True).fill("label in ('dog', 'cat')")
    expect(page.get_by_text("40 of 80 clips shown")).to_be_visible()
    page.get_by_role("button", name=re.compile("^dog")).click()
    expect(page.get_by_text("20 of 80 clips shown")).to_be_visible()
    page.get_by_role("button", name="Table").click()
    expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", "21")
    page.get_by_label("Filter", exact=True).fill("label =")
    expect(page.get_by_text("character 8")).to_be_visible()


def test_lasso_selects_and_the_selection_is_exported(page: Page, address: str) -> None:
    open_page(page, address)
    box = page.locator(".plot").first.bounding_box()
    assert box is not None
    left, top, right, bottom = box["x"] + 4, box["y"] + 4, box["x"] + box["width"] - 4, box["y"] + box["height"] - 4
    page.keyboard.down("Shift")
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(x, y, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page.get_by_text("80 selected")).to_be_visible()
    page.get_by_role("button", name="Export…").click()
    page.get_by_label("JSON").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save file").click()
    written = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert len(written) == CLIPS
    assert written[5]["note"] == "=1+1"


def test_an_edge_opens_its_clips(page: Page, address: str) -> None:
    open_page(page, address, "#/graph")
    page.get_by_role("button", name="audio:dog → visual:rain").click()
    page.get_by_role("region", name="Clips of the edge").get_by_role("button", name=re.compile("clip-6")).click()
    expect(page.get_by_role("heading", name="clip-6")).to_be_visible()
    page.locator("#threshold").fill("0.8")
    expect(page.get_by_text("1 of 2 edges")).to_be_visible()
    page.get_by_role("button", name="Show these 2 on the map").click()
    expect(page.get_by_text("2 selected")).to_be_visible()


def test_more_like_these_and_two_runs(page: Page, address: str) -> None:
    open_page(page, address, "#/map?selected=0.4.4")
    page.get_by_role("button", name="More like these").click()
    answer = page.get_by_role("complementary", name="Answer")
    expect(answer.get_by_role("listitem")).to_have_count(50)
    answer.get_by_label("To").select_option("visual")
    expect(answer.get_by_role("listitem")).to_have_count(50)
    page.get_by_role("button", name="second").click()
    expect(page).to_have_url(re.compile("run=1"))
    page.get_by_role("button", name="both", exact=True).click()
    expect(page.locator(".plot")).to_have_count(4)
    page.get_by_role("button", name="overlaid").click()
    expect(page.locator(".plot")).to_have_count(2)


def test_lists_say_what_was_found(page: Page, address: str) -> None:
    open_page(page, address, "#/lists?list=outliers")
    page.get_by_role("button", name="Look for outliers").click()
    expect(page.get_by_text("among 80 clips")).to_be_visible(timeout=20_000)


def test_everything_works_by_keyboard(page: Page, address: str) -> None:
    open_page(page, address)
    page.keyboard.press("/")
    page.keyboard.type("clip-12")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="clip-12")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_role("heading", name="clip-13")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".plot").first.focus()
    for key in (".", "ArrowLeft", "+", "-", "0", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="clip-0")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.get_by_text("80 selected")).to_be_visible()
    page.keyboard.press("2")
    page.get_by_role("grid").focus()
    for key in ("ArrowDown", "End", "Home", "PageDown", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("complementary", name="Clip")).to_be_visible()
    for key, name in (("p", "The same in Python"), ("?", "Keys"), ("e", "Export")):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("t")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_has_a_serious_finding(page: Page, address: str, view: str) -> None:
    looks: list[tuple[ViewportSize, Literal["light", "dark"]]] = [(WIDE, "light"), (WIDE, "dark"), (PHONE, "light")]
    open_page(page, address, f"#/{view}?selected=0.4.4" + ("&clip=clip-9" if view in ("map", "graph") else ""))
    for size, scheme in looks:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.wait_for_timeout(400)
        found = Axe().run(page, options=AXE).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in serious] == [], (size, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_server_that_fails_is_said(browser: Browser, address: str) -> None:
    with browser.new_context() as context:  # the browser itself writes such an answer on the console
        page = context.new_page()
        page.route("**/api/ids", lambda route: route.fulfill(status=500, body="out of order"))
        page.goto(address)
        expect(page.get_by_role("alert")).to_have_text("out of order")
