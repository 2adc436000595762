"""What a reader does with the page's tables and links: sorts, filters, follows."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from visits import Visit

# Of each table that can be sorted: its columns, and for each of three clicks on a column's button the order of the
# rows: [place in the paper's order, text of the cell, value to sort by where the page says one].
SORT_ALL = """() => [...document.querySelectorAll('table')].flatMap(table => {
    const heads = [...table.querySelectorAll('thead th')].filter(head => head.querySelector('button'));
    const rows = () => [...table.tBodies].flatMap(body => [...body.rows]);
    rows().forEach((row, place) => row.place = place);
    const columns = heads.map(head => {
        const shown = row => {
            let left = head.cellIndex;
            for (const cell of row.cells) {
                if (left < cell.colSpan)
                    return cell.colSpan > 1 ? ['', null] : [cell.textContent.trim(), cell.dataset.sortValue ?? null];
                left -= cell.colSpan;
            }
            return ['', null];
        };
        const clicks = [1, 2, 3].map(() => {
            head.querySelector('button').click();
            const state = head.getAttribute('aria-sort') ?? 'none';
            return {state, rows: rows().map(row => [row.place, ...shown(row)])};
        });
        return {name: head.textContent.trim(), clicks};
    });
    return columns.length ? [{name: table.caption.textContent.trim(), columns}] : [];
})"""
# Of each link within the page: where it leads.
PLACES = "() => [...new Set([...document.querySelectorAll('a[href^=\"#\"]')].map(link => link.hash))]"
CLICK = """hash => [...document.querySelectorAll('a[href^="#"]')].find(link => link.hash === hash).click()"""
IN_SIGHT = """hash => {
    const target = document.getElementById(decodeURIComponent(hash.slice(1)));
    const box = target?.getBoundingClientRect();
    return !!target?.checkVisibility() && box.bottom >= 0 && box.top <= innerHeight;
}"""
ERROR = re.compile(r"[01]\.\d{3}")


def number(text: str) -> float | None:
    """The number that a cell's value is, or that it shows."""
    try:
        return float(text.replace(",", "").replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        return None


def word(text: str) -> str:
    """What any alphabet orders a text by first: its letters before the first that is none; case does not count."""
    return re.match(r"[a-z]*", text.casefold())[0]


def check_order(rows: list[tuple[int, str, str | None]], *, descending: bool, where: str) -> None:
    """Values in order; rows of equal value in the paper's order; rows without a value last."""
    valued = [(place, number(text if value is None else value)) for place, text, value in rows]
    known = [(place, value) for place, value in valued if value is not None]
    if known:
        assert valued[: len(known)] == known, f"{where}: a row without a number stands between others"
        assert known == sorted(sorted(known), key=lambda row: row[1], reverse=descending), where
    else:
        words = [word(text) for _, text, _ in rows if word(text)]
        assert words == sorted(words, reverse=descending), where


SIZES = pytest.mark.parametrize("page_file", ["small", "half", "paper"], indirect=True)


@SIZES
def test_every_table_sorts_by_every_column(visit: Callable[..., Visit]) -> None:
    """One click ascending, two descending, three the paper's order; a screen reader hears which (aria-sort)."""
    tables = visit().page.evaluate(SORT_ALL)
    assert len(tables) >= 6, [table["name"] for table in tables]
    turned = 0
    for table in tables:
        for column in table["columns"]:
            where = f"{table['name'][:60]}, column {column['name']}"
            up, down, back = column["clicks"]
            assert [up["state"], down["state"], back["state"]] == ["ascending", "descending", "none"], where
            check_order(up["rows"], descending=False, where=where)
            check_order(down["rows"], descending=True, where=where)
            assert [place for place, *_ in back["rows"]] == list(range(len(back["rows"]))), where
            turned += up["rows"] != down["rows"]
    assert turned >= 10, "hardly any column has two values: nothing was tested"


def test_tables_sort_by_what_they_show(visit: Callable[..., Visit]) -> None:
    """The value that a cell is sorted by is the error that stands in it, before it was rounded."""
    checked = 0
    for table in visit().page.evaluate(SORT_ALL):
        for column in table["columns"]:
            for _, text, value in column["clicks"][0]["rows"]:
                if value and column["name"].startswith("Ours") and (shown := ERROR.search(text)):
                    assert abs(float(shown[0]) - float(value)) <= 0.000501, (table["name"], column["name"], text, value)
                    checked += 1
    assert checked >= 10


@pytest.mark.parametrize("page_file", ["half"], indirect=True)
def test_what_was_not_run_is_sorted_below(visit: Callable[..., Visit]) -> None:
    """In both directions, also where a cell says of which split it was not run."""
    for table in visit().page.evaluate(SORT_ALL):
        for column in table["columns"]:
            for click in column["clicks"][:2]:
                not_run = ["not run" in text for _, text, _ in click["rows"]]
                empty = [
                    not text or text == "–" or missing
                    for (_, text, _), missing in zip(click["rows"], not_run, strict=True)
                ]
                assert empty == sorted(empty), (table["name"], column["name"], click["state"])


@pytest.mark.parametrize("page_file", ["half"], indirect=True)
def test_a_mean_stays_below_what_it_is_the_mean_of(visit: Callable[..., Visit]) -> None:
    """Sorting the tuning's experiments does not mix their mean among them."""
    page = visit().page
    table = page.locator("#tuning table")
    for _ in range(2):
        table.locator("thead button").nth(1).click()
        assert table.locator("tr").last.inner_text().startswith("mean")
    expect(table.locator("tbody tr")).to_have_count(2)


def test_a_column_is_sorted_by_keyboard(visit: Callable[..., Visit]) -> None:
    """The buttons are reached with Tab and pressed with Enter, and keep the focus."""
    page = visit().page
    button = page.locator("thead th button").first
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=ascending]")).to_have_count(1)
    expect(button).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("th[aria-sort=descending]")).to_have_count(1)


@pytest.mark.parametrize("page_file", ["small"], indirect=True)
@pytest.mark.parametrize("wanted", ["identity", "Block4", "<own> 100 %", "(?", "no such row", "control_no_skip"])
def test_the_filter_hides_rows_and_counts(visit: Callable[..., Visit], wanted: str) -> None:
    """Rows without the words go, those with all of them stay, the count is announced; emptied, all are back."""
    page = visit().page
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    rows = page.locator("table[data-filter] tbody tr")
    shown = rows.evaluate_all("rows => rows.map(row => `${row.textContent} ${row.dataset.names ?? ''}`)")
    texts = [text.casefold() for text in shown]
    matching = [all(word in text for word in wanted.casefold().split()) for text in texts]
    assert (wanted in ("(?", "no such row")) != any(matching)
    box = page.get_by_role("searchbox")
    status = page.get_by_role("status").filter(has_text="rows")
    box.fill(wanted)
    assert rows.evaluate_all("rows => rows.map(row => row.checkVisibility())") == matching
    expect(status).to_have_text(f"{sum(matching)} of {len(texts)} rows")
    box.fill("")
    assert all(rows.evaluate_all("rows => rows.map(row => row.checkVisibility())"))
    expect(status).to_have_count(0)


@pytest.mark.parametrize("page_file", ["small"], indirect=True)
def test_the_filter_finds_an_experiment_by_its_name(visit: Callable[..., Visit]) -> None:
    """The name of the configuration finds its row in each table of the paper's, not in the costs alone."""
    opened = visit()
    opened.page.get_by_role("searchbox").fill("rrn_block4_identity")
    for table in opened.tables["tables"]:
        for row in table["rows"]:
            seen = opened.page.locator(f"[id='row-{row['id']}']").is_visible()
            assert seen is (row["experiment"] == "rrn_block4_identity"), row["id"]


@pytest.mark.parametrize("page_file", ["small"], indirect=True)
def test_the_filter_opens_what_is_folded_and_holds_hits(visit: Callable[..., Visit]) -> None:
    """A class's row is seen, or the count would tell of rows that nobody sees; without hits it is folded again."""
    page = visit().page
    box, folded = page.get_by_role("searchbox"), page.locator("details:has(table.every)")
    box.fill("BabyCrawling")
    expect(page.locator("table.every tbody tr:visible")).to_have_count(1)
    box.fill("no such row")
    assert not folded.evaluate("details => details.open")
    page.locator("details:has(table.every) > summary").click()
    box.fill("BabyCrawling")
    box.fill("")
    assert folded.evaluate("details => details.open"), "what the reader opened stays open"


@pytest.mark.parametrize("page_file", ["small"], indirect=True)
def test_a_broken_address_breaks_nothing(visit: Callable[..., Visit]) -> None:
    """ "#%" is no text; the page's script goes on, and the numbers still answer."""
    opened = visit()
    page = opened.page
    page.goto(f"{opened.file.as_uri()}#%")
    page.reload()
    number = page.locator("button.n:visible").first
    number.hover()
    expect(page.locator(f"[id='{number.get_attribute('popovertarget')}']")).to_be_visible()


def followed(page: Page, places: list[str]) -> list[str]:
    """Click one link to each place; return the places that are then in sight."""
    reached = []
    for place in places:
        page.evaluate(CLICK, place)
        if page.evaluate(IN_SIGHT, place):
            reached.append(place)
    return reached


def test_every_link_within_the_page_leads_somewhere(visit: Callable[..., Visit]) -> None:
    """Its target is there and in sight after a click, also where it was folded or filtered away."""
    page = visit().page
    page.get_by_role("searchbox").fill("no such row")
    places = page.evaluate(PLACES)
    assert len(places) > 20
    of_runs = [place for place in places if "-seed" in place]  # hundreds, all alike
    followed_ones = [place for place in places if place not in of_runs[5:]]
    assert followed(page, followed_ones) == followed_ones
    assert page.evaluate("ids => ids.filter(id => !document.getElementById(id.slice(1)))", of_runs) == []


@pytest.mark.parametrize("page_file", ["small"], indirect=True)
def test_links_lead_somewhere_without_javascript(visit: Callable[..., Visit]) -> None:
    """The same with nothing but the browser's own means."""
    page = visit(java_script_enabled=False).page
    places = page.evaluate(PLACES)
    assert followed(page, places) == places


def test_links_out_of_the_page_are_few_and_plain(visit: Callable[..., Visit]) -> None:
    """The paper's address is one, and whatever leads out is an https address: no file of who made the page."""
    opened = visit()
    out = opened.page.evaluate(
        """() => [...document.querySelectorAll('[href]:not(use)')].map(link => link.getAttribute('href'))
            .filter(address => !address.startsWith('#') && !address.startsWith('data:'))"""
    )
    assert opened.tables["paper"]["address"] in out
    assert all(re.match(r"https?://", address) for address in out), out
