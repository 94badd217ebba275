from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from data.insight import days
from data.insight.days import Mode, Spell


def at(day: int, hour: int = 12, month: int = 3, year: int = 2024) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


NOW = at(31, month=12)


def out(*spells: Spell, first=date(2024, 3, 1), last=date(2024, 3, 31), now=NOW, mode=Mode.CALENDAR) -> int:
    return days.out(spells, first, last, now=now, mode=mode)


def test_the_day_it_ran_out_and_the_day_of_the_refill_do_not_count():
    assert out(Spell(at(10), at(14))) == 3
    assert out(Spell(at(10), at(11, 23))) == 0
    assert out(Spell(at(10), at(10, 13))) == 0


def test_a_spell_from_midnight_to_midnight_counts_all_of_its_days():
    assert out(Spell(at(10, 0), at(12, 0))) == 2


def test_spells_that_touch_are_one():
    assert out(Spell(at(10), at(12)), Spell(at(12), at(14))) == 3
    assert out(Spell(at(10), at(12)), Spell(at(12, 13), at(14))) == 2


def test_a_window_takes_its_part_of_a_longer_spell():
    spell = Spell(at(20, month=2), at(10, month=4))
    assert out(spell) == 31
    assert out(spell, first=date(2024, 3, 30), last=date(2024, 3, 31)) == 2


def test_what_lasts_counts_up_to_yesterday():
    assert out(Spell(at(10)), now=at(15)) == 4
    assert out(Spell(at(10)), now=at(11)) == 0


def test_a_month_of_thirty_days_has_thirty_days():
    whole = Spell(at(1, 0, 1), at(1, 0, 1, 2025))
    for month in range(1, 13):
        first = date(2024, month, 1)
        last = date(2024 + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        assert days.out([whole], first, last, now=at(1, 0, 2, 2025), mode=Mode.THIRTY) == 30
        assert days.length(first, last, Mode.THIRTY) == 30
    assert days.length(date(2024, 2, 1), date(2024, 2, 29)) == 29


moments = st.integers(0, 90 * 24 * 60).map(lambda minutes: at(1, 0, 2) + timedelta(minutes=minutes))
spells = st.lists(st.tuples(moments, st.timedeltas(timedelta(0), timedelta(days=20))), max_size=8).map(
    lambda rows: [Spell(b, b + d) for b, d in rows]
)


@given(spells)
def test_every_day_is_out_that_no_moment_with_stock_touches(found):
    wanted = 0
    for number in range(31):
        day = at(1, 0) + timedelta(days=number)
        left = [(day, day + timedelta(days=1))]
        for s in found:
            left = [p for a, b in left for p in ((a, min(b, s.begins)), (max(a, s.ends), b)) if p[0] < p[1]]
        wanted += not left
    assert out(*found) == wanted


@given(spells, st.randoms())
def test_neither_order_nor_cutting_a_spell_in_two_changes_anything(found, chance):
    cut = []
    for s in found:
        middle = s.begins + (s.ends - s.begins) * chance.random()
        cut += [Spell(s.begins, middle), Spell(middle, s.ends)]
    chance.shuffle(cut)
    assert out(*cut) == out(*found)
    assert days.merged(days.merged(cut)) == days.merged(found)


@given(spells, st.integers(1, 30))
def test_the_days_of_two_windows_side_by_side_are_those_of_both(found, day):
    first, last = date(2024, 3, 1), date(2024, 3, 31)
    middle = date(2024, 3, day)
    both = out(*found, first=first, last=middle) + out(*found, first=middle + timedelta(days=1), last=last)
    assert both == out(*found)
