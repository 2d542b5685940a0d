"""Incidents: every episode is in exactly one, ids stay, and nothing is joined that is not connected."""

from hypothesis import given, settings
from hypothesis import strategies as st

from models.alarms.incidents import Episode, IncidentGrouping, IncidentRules, in_reach

_RULES = IncidentRules(gap_ns=10, same_shots_ns=2, span_ns=100)


@st.composite
def episodes(draw: st.DrawFn) -> list[Episode]:
    found = []
    for number in range(draw(st.integers(0, 25))):
        first = draw(st.integers(0, 300))
        found.append(
            Episode(
                alert_id=f"a{number}",
                scope=draw(st.sampled_from(["LA", "LB"])),
                place=draw(st.sampled_from(["FE", "A1", "A3"])),
                first_ns=first,
                last_ns=first + draw(st.integers(0, 40)),
                is_open=draw(st.booleans()),
            )
        )
    return found


def grouped(found: list[Episode]) -> dict[str, str]:
    grouping = IncidentGrouping(_RULES)
    return {episode.alert_id: grouping.place(episode) for episode in found}


def touch(one: Episode, other: Episode) -> bool:
    """Whether two episodes may be in one incident without a third."""
    if one.scope != other.scope or abs(one.first_ns - other.first_ns) > 2 * _RULES.span_ns:
        return False
    if one.place != other.place:
        return abs(one.first_ns - other.first_ns) <= _RULES.same_shots_ns
    first, second = sorted((one, other), key=lambda each: each.first_ns)
    return first.is_open or first.last_ns + _RULES.gap_ns >= second.first_ns


def component(of: Episode, among: list[Episode]) -> set[str]:
    found, new = {of.alert_id}, [of]
    while new:
        near = [each for each in among if each.alert_id not in found and any(touch(one, each) for one in new)]
        found |= {each.alert_id for each in near}
        new = near
    return found


@given(episodes())
def test_nothing_is_joined_that_is_not_connected_and_nothing_spans_too_much(found: list[Episode]) -> None:
    where = grouped(found)
    assert set(where) == {episode.alert_id for episode in found}
    for episode in found:
        mates = [other for other in found if where[other.alert_id] == where[episode.alert_id]]
        assert {mate.alert_id for mate in mates} <= component(episode, found)
        assert max(abs(mate.first_ns - episode.first_ns) for mate in mates) <= 2 * _RULES.span_ns


@given(episodes())
def test_ids_do_not_change_when_more_comes(found: list[Episode]) -> None:
    grouping = IncidentGrouping(_RULES)
    seen: dict[str, str] = {}
    for episode in found:
        seen[episode.alert_id] = grouping.place(episode)
        assert {each: seen[each] for each in seen} == grouped([one for one in found if one.alert_id in seen])


@given(episodes())
def test_in_the_order_of_their_shots_those_of_one_place_are_what_is_connected(found: list[Episode]) -> None:
    """Without the bound on the span, and of one place alone, incidents are the connected stretches."""
    rules = IncidentRules(gap_ns=_RULES.gap_ns, same_shots_ns=_RULES.same_shots_ns, span_ns=10**6)
    one_place = sorted(
        (each for each in found if (each.scope, each.place) == ("LA", "FE")), key=lambda each: each.first_ns
    )
    grouping = IncidentGrouping(rules)
    where = {each.alert_id: grouping.place(each) for each in one_place}
    stretches: list[set[str]] = []
    until, is_open = None, False
    for each in one_place:
        if until is None or not (is_open or until + rules.gap_ns >= each.first_ns):
            stretches.append(set())
            until, is_open = each.last_ns, False
        stretches[-1].add(each.alert_id)
        until, is_open = max(until, each.last_ns), is_open or each.is_open
    assert {frozenset(stretch) for stretch in stretches} == {
        frozenset(alert for alert, incident in where.items() if incident == wanted) for wanted in set(where.values())
    }


@settings(max_examples=300)
@given(episodes())
def test_what_is_out_of_reach_decides_nothing(found: list[Episode]) -> None:
    """A step loads only what is in reach of its episodes: they go where they would with everything loaded."""
    before, now = found[:-1], found[-1:]
    everything = IncidentGrouping(_RULES)
    where = {each.alert_id: everything.place(each) for each in before}
    begins: dict[str, int] = {}
    for each in before:
        begins.setdefault(where[each.alert_id], each.first_ns)
    reach = in_reach(now, _RULES)
    loaded = IncidentGrouping(_RULES)
    for each in before:
        low, high = reach.get(each.scope, (1, 0))
        if low <= each.first_ns <= high:
            loaded.add(each, where[each.alert_id], begins[where[each.alert_id]])
    assert [loaded.place(each) for each in now] == [everything.place(each) for each in now]
