"""The bin card, shipments and attachments over HTTP: the same numbers in JSON and in every file that is taken away."""

from __future__ import annotations

import csv
import io
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pypdf
import pytest
from werkzeug.test import Client

from app.reports import bincard as reports
from app.reports import files
from data.types import Kind

CARD = "/api/v1/small/facilities/F-W1/bin-card"
NOW = datetime.now(UTC).replace(microsecond=0)
PNG = b"\x89PNG\r\n\x1a\n" + b"a picture"
_numbers = itertools.count()


def _ago(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat()


@pytest.fixture(scope="module")
def told(site) -> dict[str, Any]:
    """A position with something of everything on its card, and what its JSON says."""

    def send(**fields: Any) -> Any:
        sent = {"programme": "small", "facility": "F-W1", "product": "MR", "source": "card", "opened_vial": True}
        answer = site.post(sent | {"source_id": f"c{next(_numbers)}"} | fields, "national")
        assert answer.status_code == 201, answer.text
        return answer.json

    send(
        kind="receipt",
        doses=1_234_560,
        occurred_at=_ago(30),
        lot="L1",
        expiry="2099-01-31",
        document="=WB+1",
        note="ọ̀kan",
    )
    send(kind="administered", doses=1_234_560, occurred_at=_ago(20), reason="@SUM(A1)")
    send(kind="receipt", doses=500, occurred_at=_ago(10), source_id="twice")
    send(kind="count", doses=450, occurred_at=_ago(5))
    send(kind="administered", doses=20, occurred_at=_ago(7), note="late")
    send(kind="reversal", source_id="undo", reverses="c1", reason="typed wrongly")
    send(kind="administered", doses=1_234_560, occurred_at=_ago(19))
    send(kind="transfer_out", doses=30, occurred_at=_ago(2), partner="F-E1", document="WB-9")
    return site.get(f"{CARD}?product=MR", "analyst").json


def test_the_card_adds_up_and_says_what_came_late_and_what_was_taken_back(told) -> None:
    assert told["opening"] + told["received"] - told["issued"] + told["adjusted"] == told["closing"] == 420
    assert told["simulated"]
    said = [(line["kind"], line["entry"], line["doses"]) for line in told["lines"]]
    assert ("count", "revision", 20) in said
    undo = next(line for line in told["lines"] if line["entry"] == "reversal")
    assert (undo["takes_back"], undo["who"], undo["issued"]) == ("c1", "N. #1", -1_234_560)
    assert [line["taken_back"] for line in told["lines"] if line["source_id"] == "c1"] == [True]
    assert told["days_out"] == sum(s["days"] for s in told["spells"]) == 8
    assert (told["now"]["total"], told["now"]["in_transit"][0]["document"]) == (420, "WB-9")
    assert "id" not in told["lines"][0]


def test_the_csv_has_the_same_numbers_and_no_formula(site, told) -> None:
    answer = site.get(f"{CARD}.csv?product=MR", "national")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    today = told["to"]
    assert (
        answer.headers["Content-Disposition"] == f'attachment; filename="bin-card_F-W1_MR_{told["from"]}_{today}.csv"'
    )
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    facts = dict(row for row in rows[1:20] if len(row) == 2)
    assert facts["Programme"] == "Small (small)"
    assert facts["Simulated data"] == "Made for tests."
    assert facts["Made by"] == "N. #1"
    assert facts["Period"].startswith(f"{told['from']} to {today}, local days (Africa/Lagos)")
    assert facts["Days out of stock"].startswith("8 full days")
    assert "WB-9: 30 doses from Health post F-W1 to Health post F-E1" in facts["In transit now"]
    head = rows[rows.index([]) + 1]
    table = [dict(zip(head, row, strict=True)) for row in rows[rows.index([]) + 2 :]]
    lines = [row for row in table if row["Balance (doses)"] and "balance" not in row["What"]]
    assert [int(row["Balance (doses)"]) for row in lines] == [line["balance"] for line in told["lines"]]
    assert lines[0]["In (doses)"] == "1234560", "big numbers are never shortened"
    assert (lines[0]["Document"], lines[1]["Reason"]) == ("'=WB+1", "'@SUM(A1)")
    assert any(row["Out (doses)"] == "-1234560" for row in lines), "a number of ours is a number"
    assert [row["Days out of stock (days)"] for row in table if row["What"].startswith("Out of stock")] == ["8"]
    assert any(row["What"] == "Recalculated after a late entry: counted" for row in table)
    assert any(row["What"].startswith("Takes back c1: given") for row in table)


def test_the_workbook_holds_numbers_dates_and_text_as_what_they_are(site, told) -> None:
    answer = site.get(f"{CARD}?product=MR&format=xlsx", "national")
    assert answer.headers["Content-Type"].endswith("spreadsheetml.sheet")
    assert answer.headers["Content-Disposition"].endswith('.xlsx"')
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    cells = list(sheet.iter_rows())
    assert cells[0][0].value == "Bin card of MR at Health post F-W1"
    facts = {row[0].value: row[1].value for row in cells[1:20]}
    assert (facts["Simulated data"], facts["Made by"]) == ("Made for tests.", "N. #1")
    place = next(n for n, row in enumerate(cells) if str(row[0].value).startswith("When ("))
    head = [cell.value for cell in cells[place]]
    balance, document, when = head.index("Balance (doses)"), head.index("Document"), 0
    table = [row for row in cells[place + 1 :] if row[balance].value is not None]
    assert [row[balance].value for row in table[1:-1]] == [line["balance"] for line in told["lines"]]
    assert (table[1][document].value, table[1][document].data_type) == ("=WB+1", "s"), "text is never a formula"
    assert isinstance(table[1][when].value, datetime)
    assert table[-1][balance].value == told["closing"]
    assert sheet.freeze_panes == f"C{place + 2}"


def _pages(content: bytes) -> list[str]:
    """The text of each page, blanks folded."""
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(content)).pages]


def test_the_pdf_says_on_every_page_what_it_is(site, told) -> None:
    answer = site.get(f"{CARD}.pdf?product=MR", "national")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.data.startswith(b"%PDF-")
    pages = _pages(answer.data)
    text = " ".join(pages)
    for expected in ("Bin card of MR at Health post F-W1", "Balance (doses)", "1,234,560", "Closing balance",
                     "Out of stock for 8 days", "Made by", "late"):  # fmt: skip
        assert expected in text
    assert all("Simulated data" in page and f"of {len(pages)}" in page for page in pages)


def test_a_long_pdf_repeats_its_heads_on_every_page(site, event) -> None:
    many = [event(product="BCG", doses=20, facility="F-W2b", occurred_at=_ago(9 - n / 20)) for n in range(120)]
    for each in many:
        each.pop("programme")
    assert site.post({"programme": "small", "events": many}).status_code == 201
    answer = site.get("/api/v1/small/facilities/F-W2b/bin-card.pdf?product=BCG")
    pages = _pages(answer.data)
    assert len(pages) > 2
    assert all("Balance (doses)" in page for page in pages)


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("", 400, "it names no product"),
        ("product=XX", 404, "no product with the code XX"),
        ("product=MR&from=2026-13-01", 400, "from is not a day"),
        ("product=MR&to=yesterday", 400, "to is not a day"),
        ("product=MR&to=20261101", 400, "to is not a day"),
        ("product=MR&to=0001-01-01", 400, "to is not a day"),
        ("product=MR&from=2026-02-02&to=2026-02-01", 400, "from (2026-02-02) is after to"),
        ("product=MR&lot=NONE", 404, "no lot NONE"),
        ("product=MR&as_of=2026-01-01T00:00:00", 400, "as_of is neither"),
        ("product=MR&format=doc", 400, "format is none"),
    ],
)
def test_a_card_that_cannot_be_given_says_why(site, query: str, status: int, says: str) -> None:
    answer = site.get(f"{CARD}?{query}")
    assert (answer.status_code, says in answer.json["message"]) == (status, True), answer.text


def test_a_moment_may_be_a_day_or_have_a_plus_that_nobody_encoded(site, told) -> None:
    for as_of in ("2100-01-01", "2100-01-01T09:30:00+01:00", "2100-01-01T09:30:00%2B01:00"):
        assert site.get(f"{CARD}?product=MR&as_of={as_of}").json["closing"] == told["closing"]
    before = site.get(f"{CARD}?product=MR&as_of=2020-01-01").json
    assert (before["lines"], before["closing"]) == ([], 0)


@pytest.mark.parametrize("path", [CARD, f"{CARD}.csv", "/api/v1/small/shipments"])
def test_nobody_reads_another_programmes_record(site, path: str) -> None:
    assert site.get(f"{path}?product=MR", "elsewhere").status_code == 404
    assert site.get(f"{path}?product=MR", None).status_code == 401
    assert site.get(f"{path}?product=MR", "analyst").status_code == 200


def test_a_shipment_is_resolved_by_who_may_record_at_either_end(site, told) -> None:
    listed = site.get("/api/v1/small/shipments?facility=F-E1").json["shipments"]
    assert [(w["document"], w["in_transit"]) for w in listed] == [("WB-9", 30)]
    assert site.get("/api/v1/small/shipments?facility=F-W2a").json["shipments"] == []
    assert site.get("/api/v1/small/shipments?facility=NO").status_code == 404

    def resolve(who: str, **changed: Any) -> Any:
        body = {"document": "WB-9", "product": "MR", "reason": "three vials broke on the way"} | changed
        return Client(site.app).post("/api/v1/small/shipments/resolve", json=body, headers=site.signed(who))

    assert resolve("analyst").status_code == 403
    assert resolve("elsewhere").status_code == 404
    assert resolve("area", reason="  ").status_code == 400
    assert resolve("area", document="WB-NONE").status_code == 404
    assert resolve("area", more="x").status_code == 400
    assert resolve("area").json == {"resolved": "WB-9"}, "the receiver lies in their area"
    assert resolve("facility").status_code == 404, "it is resolved already"
    assert site.get("/api/v1/small/shipments").json["shipments"] == []


def test_a_paper_is_kept_where_it_was_sent_and_linked_from_its_line(site, event) -> None:
    def send(who: str, content: bytes = PNG, name: str = "delivery note.png", facility: str = "F-W1") -> Any:
        address = f"/api/v1/small/facilities/{facility}/attachments"
        head = f'--part\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        form = head.encode() + content + b"\r\n--part--\r\n"
        kind = "multipart/form-data; boundary=part"
        return Client(site.app).post(address, data=form, content_type=kind, headers=site.signed(who))

    kept = send("facility")
    assert (kept.status_code, kept.json["repeated"]) == (201, False)
    again = send("facility")
    assert (again.status_code, again.json) == (200, {"id": kept.json["id"], "repeated": True})
    assert send("facility", facility="F-E1").status_code == 403
    assert send("analyst").status_code == 403
    assert send("facility", facility="NO").status_code == 404
    assert send("facility", b"<html>", "note.png").status_code == 422
    assert send("facility", PNG + b"x" * 2**21).status_code == 422
    assert Client(site.app).post(
        "/api/v1/small/facilities/F-W1/attachments", headers=site.signed("facility")
    ).status_code == 400  # fmt: skip

    site.post(event(product="MR", facility="F-W1", attachment=kept.json["id"], document="WITH-PAPER"))
    line = next(x for x in site.get(f"{CARD}?product=MR").json["lines"] if x["document"] == "WITH-PAPER")
    assert line["attachment"]["name"] == "delivery note.png"
    got = site.get(line["attachment"]["href"], "analyst")
    assert (got.data, got.headers["Content-Type"]) == (PNG, "image/png")
    assert got.headers["Content-Disposition"].startswith("attachment;")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert site.get(line["attachment"]["href"], "elsewhere").status_code == 404
    assert site.get(line["attachment"]["href"].replace("F-W1", "F-E1"), "analyst").status_code == 404
    refused = site.post(event(product="MR", facility="F-E1", attachment=kept.json["id"]))
    assert (refused.status_code, refused.json["details"]["field"]) == (422, "attachment")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff20A1"])
def test_what_a_spreadsheet_takes_for_a_formula_is_made_harmless(text: str) -> None:
    assert files.harmless(text) == f"'{text}"
    assert files.harmless(f"x{text}") == f"x{text}"


def test_every_kind_of_event_has_its_words(told) -> None:
    assert all(reports.words.KIND[kind] for kind in Kind)
