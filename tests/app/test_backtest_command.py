"""Do `backtest` and `train` do from the command line what docs/risk.md says, also for a pack of one's own?"""

import shutil

import island
import pytest

from app.__main__ import main
from data.insight import learned


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """A pack with simulated monthly stock of sixty clinics."""
    return island.write(tmp_path_factory.mktemp("island"))


def test_a_backtest_prints_its_figures_and_writes_them(pack, tmp_path, capsys):
    out = tmp_path / "found"
    assert main(["backtest", str(pack), "--from", "2024-05", "--to", "2024-06", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "The island: out of stock 1 month after the forecast, 2024-05 to 2024-06. 240 forecasts" in said
    for words in ("months of stock with an isotonic fit", "Poisson rule", "climatology", "MASE", "at 80%"):
        assert words in said
    assert (out / "backtest.txt").read_text() in said
    assert sorted(p.name for p in out.iterdir()) == ["backtest.txt", "months.svg", "reliability.svg"]


def test_reports_that_cannot_be_used_are_said_and_later_months_and_horizons_are_tested(pack, tmp_path, capsys):
    later = shutil.copytree(pack, tmp_path / "later")
    rows = (later / "stock.csv").read_text().splitlines()
    # Three more months: those of a year before; a clinic and a product that nobody declared; amounts that are none.
    more = [
        row.replace(f",2023-{m:02},", f",2024-{m:02},") for m in (7, 8, 9) for row in rows if f",2023-{m:02}," in row
    ]
    strange = ["S99,BCG,2024-08,1,0,1,0,5", "S1,YF,2024-08,1,0,1,0,5"]
    broken = [more[0].rsplit(",", 2)[0] + ",2.5,5", more[1].rsplit(",", 2)[0] + ",,", *more[2:]]
    (later / "stock.csv").write_text("\n".join([*rows, *broken, *strange]))
    for horizon in ("1", "3"):
        asked = [
            "backtest",
            str(later),
            "--pack",
            str(pack),
            "--from",
            "2024-08",
            "--to",
            "2024-09",
            "--horizon",
            horizon,
        ]
        assert main(asked) == 0
        said = capsys.readouterr().out
        assert "1 report refused: closing is not a whole number." in said
        assert 'product "YF" is not declared in the pack: not loaded. Add a [[product]]' in said
        assert "1 report refused: facility is not one that was kept. Correct the facility's code" in said
        assert (
            f"out of stock {horizon} month{'s' if horizon != '1' else ''} after the forecast, 2024-08 to 2024-09"
            in said
        )


def test_training_twice_writes_the_same_file(pack, tmp_path, capsys):
    files = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for file in files:
        assert main(["train", str(pack), "--to", "2024-04", "--out", str(file)]) == 0
    assert f"Wrote {files[1]}." in capsys.readouterr().out
    assert files[0].read_bytes() == files[1].read_bytes()
    told = learned.load(files[0].read_bytes()).told
    assert (told.programme, told.last_month, told.positions) == ("island", 2024 * 12 + 3, 120)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["backtest", "--from", "2018-13", "--to", "2018-12"], "2018-13 is not a month. Write it as 2018-04."),
        (["backtest", "--from", "2024-05", "--to", "2025-01"], "what happened in 2025-01 is not known"),
        (["backtest", "--from", "2023-06", "--to", "2024-01"], "so that 2024-01 is the first that can be"),
        (["train", "--to", "2023-06"], "the count model answers alone"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(pack, tmp_path, capsys, options, said):
    command, *rest = options
    extra = ["--out", str(tmp_path / "model.npz")] if command == "train" else []
    assert main([command, str(pack), *rest, *extra]) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
