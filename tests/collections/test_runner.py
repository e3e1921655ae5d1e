"""The runner sees what is not as it is written, and tells where."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.collections.answers import holds
from tests.collections.collection import CollectionError
from tests.collections.parser import parse
from tests.collections.runner import Runner
from tests.replica import Replica

FILE = Path("trial.http")
LIVE = "GET {{baseUrl}}/health/live\n"
Play = Callable[[str], Awaitable[list[str]]]


@pytest.fixture
def play(replica: Replica) -> Play:
    async def run(text: str) -> list[str]:
        runner = Runner(replica.client, parse(FILE, text), {"baseUrl": "http://waypost.test"})
        return [str(trouble) for trouble in await runner.run()]

    return run


async def test_what_is_as_it_is_written_is_no_trouble(play: Play):
    text = f"""@up = "up"
// For people.

### Alive
// For people as well.
# @name live
# expect 200
# expect $.status == {{{{up}}}}
# expect $.status != "down"
# expect $ == {{"status": "up"}}
# expect $.status ~ u
# expect $.status !~ down
# expect header content-type ~ json
# expect body ~ status
{LIVE}
### Again, with what was answered
# until 5s $.status == "{{{{live.response.body.$.status}}}}"
# expect 200
GET {{{{baseUrl}}}}/health/ready HTTP/1.1
X-Answered: {{{{live.response.headers.Content-Type}}}}
"""
    assert await play(text) == []


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ('$.status == "down"', "found 'up'"),
        ('$.status != "up"', "found 'up'"),
        ("$.status ~ down", "found 'up'"),
        ("$.status !~ up", "found 'up'"),
        ("$.colour == null", "it has no $.colour"),
        ("$.colour !~ red", "it has no $.colour"),
        ("$.items[0] != 1", "it has no $.items[0]"),
        ("header x-colour == red", "it has no header x-colour"),
        ("body ~ down", "found"),
    ],
)
async def test_an_expectation_that_is_not_met_is_told_with_its_line(play: Play, expected: str, words: str):
    (trouble,) = await play(f"### Alive\n# expect 200\n# expect {expected}\n{LIVE}")
    assert trouble.startswith(f"trial.http:3: expected {expected}, ")
    assert words in trouble


async def test_another_status_is_told_with_the_answer(play: Play):
    (trouble,) = await play("### Nothing\n# expect 200\nGET {{baseUrl}}/v1/nothing\n")
    assert trouble.startswith("trial.http:2: expected status == 200, found 404")
    assert "not_found" in trouble


async def test_what_does_not_come_true_is_waited_for_no_longer_than_it_says(play: Play):
    (trouble,) = await play(f'### Alive\n# until 1s $.status == "down"\n# expect 200\n{LIVE}')
    assert trouble.startswith('trial.http:2: within 1 s it did not come to $.status == "down"')
    assert '{"status":"up"}' in trouble


async def test_a_variable_that_nobody_set_is_told(play: Play):
    (trouble,) = await play("### Nowhere\n# expect 200\nGET {{baseUrl}}/{{place}}\n")
    assert trouble == "trial.http:3: {{place}} is no variable of this file or its surroundings"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("later.response.body.$.id", "no request named later was answered before"),
        ("live.response.body.$.id", "it has no $.id"),
        ("live.response.headers.X-Id", "it has no header X-Id"),
    ],
)
async def test_a_part_that_an_answer_does_not_have_is_told(play: Play, reference: str, words: str):
    alive = f"### Alive\n# @name live\n# expect 200\n{LIVE}\n"
    (trouble,) = await play(f"{alive}### Next\n# expect 200\nGET {{{{baseUrl}}}}/{{{{{reference}}}}}\n")
    assert trouble == f"trial.http:8: {{{{{reference}}}}} cannot be filled in: {words}"


async def test_variables_that_name_each_other_are_told(play: Play):
    (trouble,) = await play("@one = {{two}}\n@two = {{one}}\n### Round\n# expect 200\nGET {{one}}\n")
    assert trouble.startswith("trial.http:5: variables that name each other")


async def test_a_scenario_ends_with_its_trouble_and_the_next_one_begins(play: Play):
    first = f"### Scenario: One\n# expect 404\n{LIVE}\n### Not sent\n# expect 404\n{LIVE}\n"
    troubles = await play(f"{first}### Scenario: Two\n# expect 405\n{LIVE}")
    assert [trouble.partition(": ")[0] for trouble in troubles] == ["trial.http:2", "trial.http:10"]


async def test_without_what_all_scenarios_need_none_begins(play: Play):
    troubles = await play(f"### Needed\n# expect 404\n{LIVE}### Scenario: One\n# expect 404\n{LIVE}")
    assert [trouble.partition(": ")[0] for trouble in troubles] == ["trial.http:2"]


def test_truth_is_not_the_number_one():
    assert not holds(True, "==", "1")
    assert not holds([1], "~", "true")
    assert holds(True, "==", "true")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (f"### A\n# expekt 200\n{LIVE}", 2, "unknown word: # expekt 200"),
        (f"### A\n# a remark\n# expect 200\n{LIVE}", 2, "unknown word: # a remark"),
        (f"### A\n# expect 2000\n{LIVE}", 2, "this is no condition: 2000"),
        (f"### A\n# expect 200\n# expect status is 200\n{LIVE}", 3, "this is no condition"),
        (f"### A\n# until $.status == 1\n# expect 200\n{LIVE}", 2, "unknown word"),
        (f"### A\n# @name two words\n# expect 200\n{LIVE}", 2, "unknown word"),
        (f"### A\n{LIVE}", 2, "which status it expects"),
        (f"### A\n# expect 200\n# expect 201\n{LIVE}", 4, "which status it expects"),
        (f"### A\n# until 61s $.status == 1\n# expect 200\n{LIVE}", 4, "60 s at most"),
        ("### A\n# until 5s $.id == 1\n# expect 201\nPOST http://x\n", 4, "only a GET"),
        ("### A\n# expect 200\nFETCH http://x\n", 3, "this is no request line"),
        ("### A\n# expect 200\nGET http://x\nno header\n", 4, "this is no header"),
        ("### A\n# expect 200\n", 1, "there is no request"),
        (f"###\n# expect 200\n{LIVE}", 1, "a request needs a title"),
        (f"colour = red\n### A\n# expect 200\n{LIVE}", 1, "only '@name = value'"),
        (
            f"### A\n# @name a\n# expect 200\n{LIVE}### B\n# @name a\n# expect 200\n{LIVE}",
            8,
            "two requests named a",
        ),
        (
            f"### Scenario: A\n# expect 200\n{LIVE}### Scenario: A\n# expect 200\n{LIVE}",
            4,
            "two scenarios 'A'",
        ),
    ],
)
def test_what_the_parser_does_not_know_it_refuses_with_its_line(text: str, line: int, words: str):
    with pytest.raises(CollectionError) as caught:
        parse(FILE, text)
    assert str(caught.value).startswith(f"trial.http:{line}: ")
    assert words in str(caught.value)


def test_headers_and_body_are_taken_as_they_stand():
    text = """### A
# expect 201
POST http://x/y
Content-Type: application/json
X-Id: a:b

{
  "a": 1
}

### B
# expect 200
GET http://x
"""
    made, looked = parse(FILE, text).requests
    assert (made.method, made.url, made.status) == ("POST", "http://x/y", 201)
    assert made.headers == [("Content-Type", "application/json"), ("X-Id", "a:b")]
    assert made.body == '{\n  "a": 1\n}'
    assert (looked.title, looked.body) == ("B", "")
