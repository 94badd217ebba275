"""The frame of the map's page."""

from __future__ import annotations

from typing import Any

from app.components.ids import Id
from app.pages import plain, shell
from data.programmes import Programme
from data.stock import Product

DEMO = Programme(
    1, "demo", "Nigeria", "Africa/Lagos", "NPHCDA", True, "Stock is simulated.", 1, None, ["Nation", "State"], []
)
UGANDA = Programme(2, "uga", "Uganda", "Africa/Kampala", "NPHCDA", False, "", 1, None, [], [])
BCG = Product(1, "BCG", "BCG", 1, "dose", 20, True, "birth", 0.5, 1.44, 1.0)
PERSON = plain.Person("Demo: Analyst", "Analyst", "token")

DASH = {
    "metas": "<meta>", "title": "Dash", "css": "<link>", "config": '<script id="_dash-config"></script>',
    "scripts": '<script src="dash_renderer.js"></script>', "app_entry": '<div id="react-entry-point"></div>',
    "favicon": "", "renderer": '<script id="_dash-renderer"></script>',
}  # fmt: skip


def _ids(node: Any) -> list[str]:
    children = getattr(node, "children", None)
    children = children if isinstance(children, (list, tuple)) else [children]
    below = [i for c in children if c is not None for i in _ids(c)]
    return [node.id, *below] if getattr(node, "id", None) else below


def test_every_id_of_the_contract_is_on_the_page_once() -> None:
    ids = _ids(shell.layout(DEMO, [], [BCG], PERSON, []))
    assert sorted(ids) == sorted(set(ids))
    assert set(ids) == {str(i) for i in Id} - {Id.HEADLINE}


def test_the_bar_offers_each_vaccine_and_the_worst_of_all(find: Any, text: Any) -> None:
    page = shell.layout(DEMO, [], [BCG], PERSON, [])
    vaccine = next(s for s in find(page, "Select") if s.id == Id.VACCINE)
    assert [(o.value, o.children) for o in vaccine.children] == [("", "Worst of all"), ("BCG", "BCG")]


def test_signing_out_sends_the_form_token(find: Any) -> None:
    [form] = find(shell.layout(DEMO, [], [BCG], PERSON, []), "Form")
    assert (form.method, form.action) == ("post", "/logout")
    assert (form.children.name, form.children.value, form.children.type) == ("csrf_token", "token", "submit")


def test_simulated_data_is_labelled_on_the_map_and_real_data_is_not(text: Any) -> None:
    said = text(shell.layout(DEMO, [], [BCG], PERSON, ["Natural Earth"]))
    assert "Simulated data" in said
    assert "Stock is simulated." in said
    assert "Simulated" not in text(shell.layout(UGANDA, [], [BCG], PERSON, []))


def test_other_programmes_are_one_link_away(find: Any) -> None:
    page = shell.layout(DEMO, [UGANDA], [BCG], PERSON, [])
    assert ("Uganda", "/uga") in [(a.children, a.href) for a in find(page, "A")]


def test_the_document_holds_what_dash_needs_and_the_map_before_it() -> None:
    page = shell.index(DASH, DEMO)
    for part in ('id="_dash-config"', 'id="react-entry-point"', 'id="_dash-renderer"', "dash_renderer.js"):
        assert part in page
    assert page.index('id="stage-map"') < page.index('id="react-entry-point"')
    assert page.index("boot.js") < page.index("dash_renderer.js")
    later = page[page.index('<template id="dash">') : page.index("</template>")]
    assert later.index('<script src="dash_renderer.js">') < later.index('id="_dash-renderer"')
    assert '<meta name="vaxtrace-programme" content="demo">' in page
    assert "<title>Nigeria · VaxTrace</title>" in page
    assert "needs JavaScript" in page


def test_a_programme_cannot_bring_markup_into_the_document() -> None:
    page = shell.index(DASH, Programme(1, "x", "<script>boo</script>", "UTC", "NPHCDA", False, "", 1, None, [], []))
    assert "<script>boo" not in page
