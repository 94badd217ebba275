"""Plain elements as one component."""

from __future__ import annotations

import pytest
from dash import dcc, html

from app.components.elements import Elements, light, plain


def test_elements_keep_their_attributes_words_and_order() -> None:
    marks = {"data-view": ""}
    tree = html.Div(["Out of ", html.A("BCG", href="?vaccine=BCG", **marks), None, 3], className="lead", key="k")
    link = ["a", {"href": "?vaccine=BCG", "data-view": ""}, ["BCG"]]
    assert Elements(tree).tree == ["div", {"key": "k", "className": "lead"}, ["Out of ", link, 3]]


def test_a_single_child_and_none_are_lists_too() -> None:
    assert plain(html.Td(html.Small("below"))) == ["td", {}, [["small", {}, ["below"]]]]
    assert plain(html.Span(className="spark")) == ["span", {"className": "spark"}, []]


def test_what_is_more_than_an_element_is_refused() -> None:
    with pytest.raises(TypeError, match="Store is no plain element"):
        Elements(html.Div(dcc.Store(id="x")))


def test_as_much_as_can_be_becomes_one_component_around_a_chart() -> None:
    graph = dcc.Graph(figure={})
    panel = html.Div([html.H1("Gwale"), html.Div([html.P("before"), graph, html.P("after")]), html.Ul([html.Li("x")])])
    made = light(panel)
    assert made is panel
    heading, around, listed = made.children
    assert [type(part).__name__ for part in (heading, around, listed)] == ["Elements", "Div", "Elements"]
    assert [type(part).__name__ for part in around.children] == ["Elements", "Graph", "Elements"]
    assert listed.tree == ["ul", {}, [["li", {}, ["x"]]]]
    assert type(light(html.P("alone"))).__name__ == "Elements"
    assert light("words") == "words"
