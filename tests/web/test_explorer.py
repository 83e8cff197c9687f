"""The explorer's pages: states, steps, links that lead back to them; only for this machine."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

import pytest

pytest.importorskip("starlette", reason="needs starlette: pip install 'wakeproof[explore]'")
pytest.importorskip("httpx2", reason="needs httpx2, with which starlette tests")

from starlette.testclient import TestClient

from wakeproof.language.model import BUNDLED
from wakeproof.web.offers import Offers
from wakeproof.web.server import make_app

PORT = 8618
BASE = f"http://127.0.0.1:{PORT}"


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(make_app(Offers(BUNDLED), PORT), base_url=BASE)


def links(page: str) -> list[str]:
    """The links of a page, in their order."""
    return [html.unescape(link) for link in re.findall(r'<a [^>]*href="([^"#]*)"', page)]


def link_of(page: str, text: str) -> str:
    """The link whose text begins so."""
    found = re.search(
        rf'<a [^>]*href="([^"]*)"[^>]*>(?:<span[^>]*>[^<]*</span> )?{re.escape(text)}', page
    )
    assert found is not None, text
    return html.unescape(found[1])


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
    for scenario in Offers(BUNDLED).scenarios.values():
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


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(client: TestClient, method: str) -> None:
    assert client.request(method, "/state?scenario=yield").status_code == 405


def test_a_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/state", params={"scenario": "yield"})
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', answer.text) == []
    assert " style=" not in answer.text
    assert "<script>" not in answer.text
