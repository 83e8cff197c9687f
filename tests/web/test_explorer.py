"""The explorer's pages: states, steps, links that lead back to them; only for this machine."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("starlette", reason="needs starlette: pip install 'wakeproof[explore]'")
pytest.importorskip("httpx2", reason="needs httpx2, with which starlette tests")

from starlette.testclient import TestClient

from tests.support import ALL, Alter, check
from wakeproof.bundled import ROOT, SCENARIOS
from wakeproof.check.results_file import read_traces
from wakeproof.check.verdict import to_json
from wakeproof.language.model import BUNDLED, Model
from wakeproof.scenario.instance import scenario_for
from wakeproof.web.address import MOST_STEPS
from wakeproof.web.offers import Offers, saved_traces
from wakeproof.web.server import make_app

PORT = 8618
TRACES = sorted((ROOT / "reports" / "findings").glob("*/trace.json"))
BASE = f"http://127.0.0.1:{PORT}"


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(make_app(Offers(BUNDLED), PORT), base_url=BASE)


def links(page: str) -> list[str]:
    """The links of a page, in their order."""
    return [html.unescape(link) for link in re.findall(r'<a [^>]*href="([^"#]*)"', page)]


def link_of(page: str, text: str) -> str:
    """The link whose text begins so."""
    for link, inside in re.findall(r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL):
        read_aloud = re.sub(r'<span aria-hidden="true">.*?</span>', "", inside)
        if text_of(read_aloud).startswith(text):
            return html.unescape(link)
    raise AssertionError(f"no link {text}")


def text_of(page: str) -> str:
    """The text of a page, without its pictures and tags."""
    without = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", without)).split())


def state(client: TestClient, **query: str) -> str:
    """The page of a state."""
    answer = client.get("/state", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_first_page_has_every_scenario(client: TestClient) -> None:
    page = client.get("/").text
    for scenario in Offers(BUNDLED).scenarios:
        assert scenario.title in text_of(page)


def test_a_script_is_the_path_and_nothing_is_taken_at_first(client: TestClient) -> None:
    page = text_of(state(client, scenario="issue-1618"))
    assert "step 0 of 10" in page
    assert "10 poll(second-write)" in page


def test_a_step_leads_forward_and_back_leads_to_where_it_began(client: TestClient) -> None:
    begin = state(client, scenario="yield")
    after = client.get(link_of(begin, "call_export(")).text
    assert "step 1 of 1" in text_of(after)
    back = client.get(link_of(after, "Back")).text
    assert "step 0 of 1" in text_of(back)
    assert text_of(client.get(link_of(back, "Forward")).text) == text_of(after)


def test_the_next_steps_are_by_actor_and_name_what_they_would_change(client: TestClient) -> None:
    begin = state(client, scenario="yield")
    assert re.search(r"host call_export\(export\) changes phase, \w+ and \d more", text_of(begin))
    after = text_of(client.get(link_of(begin, "call_export(")).text)
    assert "program, in export" in after
    assert re.search(r"poll\(\S+\) changes [\w, ]*\bstate\b", after)


def test_a_link_is_the_same_state_for_another_explorer(client: TestClient) -> None:
    answer = client.get("/random", params={"scenario": "subtask", "steps_more": "8"})
    other = TestClient(make_app(Offers(BUNDLED), PORT), base_url=BASE)
    assert other.get(str(answer.url)).text == answer.text


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example:8618"}, {"host": "127.0.0.1:80"}, {"host": ""}]
)
def test_a_request_that_does_not_name_this_machine_is_refused(
    client: TestClient, headers: Mapping[str, str]
) -> None:
    assert client.get("/", headers=dict(headers)).status_code == 421


@pytest.mark.parametrize(("kind", "status"), [("image", 403), ("iframe", 403), ("document", 200)])
def test_another_site_can_link_to_it_and_nothing_else(
    client: TestClient, kind: str, status: int
) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-dest": kind}
    assert client.get("/state?scenario=yield", headers=headers).status_code == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(client: TestClient, method: str) -> None:
    assert client.request(method, "/state?scenario=yield").status_code == 405


def test_a_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/state", params={"scenario": "yield"})
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', answer.text) == []
    assert " style=" not in answer.text
    assert "<script>" not in answer.text


# --- ways, conditions -----------------------------------------------------------------------------


def test_a_way_leads_to_a_violation_of_a_property(client: TestClient) -> None:
    answer = client.get(
        "/way", params={"scenario": "issue-1618-free", "mix": "v1/v1/v1", "to": "one-home"}
    )
    assert f"one-home {BUNDLED.properties['one-home'].says} ✗ violated since step 4" in text_of(
        answer.text
    )
    # no property is violated on the way
    assert "since step 3" not in text_of(answer.text)


def test_a_way_goes_on_from_the_state_that_is_shown(client: TestClient) -> None:
    begin = client.get("/random", params={"scenario": "cancel-asleep", "mix": "v1/v1/v1"})
    answer = client.get(link_of(begin.text, "Shortest way to any violation"))
    assert str(answer.url).startswith(str(begin.url))
    assert "✗" in text_of(answer.text)


def test_where_there_is_no_way_the_page_says_what_was_seen(client: TestClient) -> None:
    query = {"scenario": "handle-reuse", "mix": "v2/v2/v2", "to": "one-home"}
    page = text_of(client.get("/way", params=query).text)
    assert "There is no way from here to where one-home is violated" in page
    assert re.search(r"[\d,]+ states can be reached, all were seen", page)


def test_a_way_leads_to_where_a_condition_holds(client: TestClient) -> None:
    query = {"scenario": "yield", "condition": "s.phase[export] == Phase.WAITING"}
    page = text_of(client.get("/way", params=query).text)
    assert "s.phase[export] == Phase.WAITING ✓ true" in page
    back = text_of(state(client, **query))
    assert "s.phase[export] == Phase.WAITING ✗ false" in back


def test_a_condition_that_holds_is_no_way(client: TestClient) -> None:
    page = client.get("/way", params={"scenario": "yield", "condition": "s.running is None"}).text
    assert "The condition holds in this state." in text_of(page)


@pytest.mark.parametrize("page", ["way", "state"])
def test_what_is_wrong_with_a_condition_is_one_line(client: TestClient, page: str) -> None:
    answer = client.get(f"/{page}", params={"scenario": "yield", "condition": "s.phases[export]"})
    assert answer.status_code == 200
    assert "✗ unknown field s.phases. Declare it." in text_of(answer.text)


# --- two runs -------------------------------------------------------------------------------------


def test_two_mixes_take_the_same_steps_and_the_first_difference_is_marked(
    client: TestClient,
) -> None:
    query = {"scenario": "issue-1618", "mix": "v1/v1/v1", "beside": "v2/v2/v2", "at": "10"}
    page = state(client, **query)
    text = text_of(page)
    assert "In step 4 the host sees waitable-set.new() = h4 with v1/v1/v1" in text
    assert "4 poll(first-write) ≠ differs from here" in text
    assert text.count("differs from here") == 1
    assert "✗ panic in WaitableOperation::register_waker" in text
    at_it = text_of(client.get(link_of(page, "step 4")).text)
    assert "step 4 of 10" in at_it


def test_the_values_in_which_two_states_differ_are_marked(client: TestClient) -> None:
    query = {"scenario": "issue-1618", "mix": "v1/v1/v1", "beside": "v2/v2/v2", "at": "8"}
    page = state(client, **query)
    assert "waitables[h2] = first-write (differs)" in text_of(page)
    assert "waitables[h2] = null (differs)" in text_of(page)
    assert re.findall(r">≠ ([^<]*)</text>", page) == [
        "dangling[h2]",
        "first-write",
        "null",
        "false",
    ]


def test_two_runs_without_a_difference_say_so(client: TestClient) -> None:
    query = {"scenario": "issue-1618", "mix": "v2/v2/v2", "beside": "v2/v2/v2"}
    page = state(client, **query)
    assert "A host sees none along this path." in text_of(page)
    answer = client.get(link_of(page, "Shortest way to one"))
    assert "A host sees no difference" in text_of(answer.text)


def test_a_way_leads_to_the_first_difference(client: TestClient) -> None:
    query = {"scenario": "cancel-asleep", "mix": "v1/v1/v1", "beside": "v3/v3/v3"}
    answer = client.get("/difference", params=query)
    page = text_of(answer.text)
    taken = re.search(r"step (\d+) of (\d+)", page)
    assert taken is not None
    assert taken[1] == taken[2]
    assert f"In step {taken[1]} " in page


def test_a_step_that_one_run_alone_can_take_is_marked(client: TestClient) -> None:
    query = {"scenario": "issue-1618", "mix": "v1/v1/v1", "beside": "v2/v2/v2", "at": "10"}
    page = state(client, **query)
    assert "≠ only in v2/v2/v2" in text_of(page)
    assert "only in v1/v1/v1" not in text_of(page)
    after = text_of(client.get(link_of(page, "return_pending(")).text)
    assert "step 11 of 11" in after
    assert "≠ cannot take the last step" in after


def test_two_hosts_run_beside_each_other(client: TestClient) -> None:
    query = {"scenario": "sync-export", "mix": "v2/v2/v2", "beside_host": "spec_26e6ea9d"}
    page = text_of(state(client, **query))
    assert "v2/v2/v2 on wasmtime_50" in page
    assert "v2/v2/v2 on spec_26e6ea9d" in page


# --- links that do not fit ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ("call_export export;nonsense", "step 2, 'nonsense': the model has no action 'nonsense'"),
        ("call_export export;poll", "step 2, 'poll': poll takes 1 argument, not 0 (write poll"),
        ("call_export export;poll zzz", "step 2, 'poll zzz': 'zzz' is not of type Operation"),
        ("call_export export;call_export export", "step 2, 'call_export export', is not possible"),
    ],
)
def test_steps_that_are_not_possible_end_the_path_with_the_reason(
    client: TestClient, steps: str, says: str
) -> None:
    page = text_of(state(client, scenario="yield", steps=steps))
    assert f"The path ends after 1 step: {says}" in page
    assert "step 1 of 1" in page


def test_no_step_follows_the_end_of_a_run(client: TestClient) -> None:
    page = state(client, scenario="issue-1618", mix="v1/v1/v1", at="10")
    steps = parse_qs(urlsplit(link_of(page, "Back")).query)["steps"][0]
    query = {"scenario": "issue-1618", "mix": "v1/v1/v1", "steps": f"{steps};keep_waker"}
    after = text_of(state(client, **query))
    assert "The path ends after 10 steps: step 11, 'keep_waker': the run has ended" in after


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"scenario": "zzz"}, "no scenario 'zzz' here"),
        ({"scenario": "../scenarios/yield.toml"}, "no scenario '../scenarios/yield.toml' here"),
        ({"scenario": "/etc/passwd"}, "no scenario '/etc/passwd' here"),
        ({"scenario": "yield", "mix": "v9/v1/v1"}, "unknown ABI version 'v9'"),
        ({"scenario": "yield", "mix": "v1"}, "'v1' is not a mix"),
        ({"scenario": "yield", "mix": "v1/v1/v1 +zzz"}, "the model has no feature 'zzz'"),
        ({"scenario": "yield", "host": "zzz"}, "unknown host 'zzz'"),
        ({"scenario": "yield", "beside": "v9/v1/v1"}, "unknown ABI version 'v9'"),
        ({"scenario": "yield", "at": "x"}, "'x' is not a number of steps"),
        ({"scenario": "yield", "at": "-1"}, "'-1' is not a number of steps"),
        ({"scenario": "yield", "steps": "keep_waker;" * 301}, "more than 300 steps"),
    ],
)
@pytest.mark.parametrize("page", ["state", "way", "random", "difference"])
def test_a_link_that_leads_nowhere_says_so_in_one_line(
    client: TestClient, page: str, query: dict[str, str], says: str
) -> None:
    answer = client.get(f"/{page}", params=query)
    assert answer.status_code == 404
    assert says in text_of(answer.text)
    assert "Hint: " in text_of(answer.text)


def test_a_link_that_is_too_long_is_refused(client: TestClient) -> None:
    assert client.get("/state", params={"scenario": "x" * 40_000}).status_code == 414


def test_a_page_that_is_not_there_is_not_found(client: TestClient) -> None:
    assert client.get("/zzz").status_code == 404
    assert client.get("/static/../server.py").status_code == 404


def test_another_model_says_so_and_shows_how_far_the_steps_go(
    client: TestClient, alter: Alter
) -> None:
    link = str(client.get("/state", params={"scenario": "issue-1618", "at": "3"}).url)
    changed = alter("program.py", "guard(p.may_block_on[task] and", "guard(p.single_use and")
    other = TestClient(make_app(Offers(Model(changed)), PORT), base_url=BASE)
    page = text_of(other.get(link).text)
    assert "This link was made with another text of the model or the scenario" in page
    assert "Its first 2 steps can be taken here." in page
    assert "The path ends after 2 steps: step 3, 'block_on nested', is not possible" in page
    assert "step 2 of 2" in page
    # links from here on are of this model
    again = other.get(link_of(other.get(link).text, "Back"))
    assert "another text" not in text_of(again.text)


def test_a_fault_of_the_tool_is_a_page_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("of itself")

    monkeypatch.setattr("wakeproof.web.server.first_page", fails)
    answer = TestClient(make_app(Offers(BUNDLED), PORT), base_url=BASE).get("/")
    assert answer.status_code == 500
    assert "unexpected failure: RuntimeError: of itself" in text_of(answer.text)
    assert "Traceback" not in answer.text


# --- hostile texts --------------------------------------------------------------------------------

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}</title></svg>"


def test_markup_in_a_scenario_shows_as_text(tmp_path: Path) -> None:
    text = (SCENARIOS / "yield.toml").read_text("utf-8")
    for key in ("title", "origin"):
        (line,) = re.findall(rf"^{key} = .*$", text, re.MULTILINE)
        text = text.replace(line, f"{key} = {json.dumps(MARKUP)}")
    text = text.replace('story = """', f'story = """\n{MARKUP[:-1]}' + "x" * 10_000)
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8")
    offers = Offers(BUNDLED, [scenario_for(BUNDLED, str(file))])
    client = TestClient(make_app(offers, PORT), base_url=BASE)
    for page in (client.get("/").text, state(client, scenario="mine")):
        assert html.escape(MARKUP, quote=False).split('"')[0] in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "49" not in page.split("</h1>")[0]
    assert "x" * 10_000 in page


@pytest.mark.parametrize("name", ["steps", "condition", "mix", "host", "scenario", "model", "to"])
@pytest.mark.parametrize("page", ["state", "way", "random"])
def test_markup_in_a_link_shows_as_text(client: TestClient, page: str, name: str) -> None:
    answer = client.get(f"/{page}", params={"scenario": "yield", name: MARKUP + "y" * 10_000})
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text


def test_traces_of_a_file_are_offered_and_hostile_words_in_them_show_as_text() -> None:
    row = {"action": MARKUP, "arguments": {}}
    result = {
        "scenario": "yield",
        "mix": {"export": "v1", "block_on": "v1", "import": "v1"},
        "property": MARKUP,
        "violations": [{"site": MARKUP, "trace": [row]}],
    }
    offers = Offers(BUNDLED, *saved_traces(BUNDLED, [result]))
    client = TestClient(make_app(offers, PORT), base_url=BASE)
    first = client.get("/").text
    trace = client.get(links(first)[1]).text
    for page in (first, trace):
        assert "<script>alert" not in page
    assert "the model has no action" in text_of(trace)


@pytest.mark.parametrize(
    ("scenario", "mix", "progress", "goes_on"),
    [
        ("yield", "v2/v2/v2", "outside-not-starved", "steps 4 to 7 are repeated for ever"),
        ("subtask", "v3/v3/v3", "done-task-exits", "nothing happens any more"),
    ],
)
def test_a_saved_trace_is_a_path_with_its_loop(
    scenario: str, mix: str, progress: str, goes_on: str
) -> None:
    verdict = check(scenario, mix)[progress]
    (violation,) = verdict.violations
    offers = Offers(BUNDLED, *saved_traces(BUNDLED, [to_json(verdict)]))
    client = TestClient(make_app(offers, PORT), base_url=BASE)
    page = client.get(links(client.get("/").text)[1]).text
    length = len(violation["trace"])
    assert f"step 0 of {length}" in text_of(page)
    assert goes_on in text_of(page)


@pytest.mark.parametrize("file", TRACES, ids=lambda file: str(file.parent.name))
def test_the_trace_of_every_finding_ends_with_what_it_breaks_and_means(file: Path) -> None:
    offers = Offers(BUNDLED, *saved_traces(BUNDLED, read_traces(file)))
    client = TestClient(make_app(offers, PORT), base_url=BASE)
    (trace,) = offers.traces
    page = text_of(client.get(trace.address.to(MOST_STEPS).link()).text)
    assert "The path ends" not in page
    violated = BUNDLED.properties[trace.says.split(" at ")[0]]
    if violated.progress:
        # no state of it is wrong: it goes on for ever
        assert "repeated for ever" in page or "nothing happens any more" in page
        return
    assert violated.means in page
    assert f"{violated.id} {violated.says} ✗ violated since step {len(trace.address.steps)}" in page


def test_the_steps_of_a_trace_can_be_taken_in_another_scenario() -> None:
    mix = {"export": "v1", "block_on": "v1", "import": "v1"}
    row = {"action": "call_export", "arguments": {"task": "export"}}
    violations = [{"site": "", "trace": [row]}]
    result = {"scenario": "gone", "mix": mix, "property": "", "violations": violations}
    scenarios, traces = saved_traces(BUNDLED, [result], "yield")
    assert [scenario.name for scenario in scenarios] == ["yield"]
    assert [(trace.says, trace.address.scenario) for trace in traces] == [("a walk", "yield")]


# --- every scenario -------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ALL)
def test_every_scenario_can_be_walked_at_random(client: TestClient, scenario: str) -> None:
    answer = client.get("/random", params={"scenario": scenario, "steps_more": "20", "at": "0"})
    assert answer.status_code == 200
    assert "The path ends" not in answer.text
    assert "The state as text" in text_of(answer.text)
