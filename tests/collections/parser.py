"""Reads a file of requests. What it does not know it refuses: a slip of the pen must not check less."""

import re
from pathlib import Path

from tests.collections.collection import Collection, CollectionError, Condition, Place, Request, Scenario

_SEPARATOR = re.compile(r"###\s*(.*)")
_SCENARIO = "Scenario: "
_VARIABLE = re.compile(r"@([\w-]+)\s*=\s*(.*)")
_WORD = re.compile(r"#\s*(\S*)\s*(.*)")
_NAME = re.compile(r"\w+")
_STATUS = re.compile(r"[1-5]\d\d")
_CONDITION = re.compile(r"(status|body|\$\S*|header [\w-]+) (==|!=|~|!~) (.+)")
_AWAITED = re.compile(r"(\d+)s (.+)")
_REQUEST_LINE = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (\S+)(?: HTTP/1\.1)?")
_HEADER = re.compile(r"([\w-]+):\s*(.*)")
# Whoever waits longer than this waits for something that does not come.
_LONGEST = 60


def read(file: Path) -> Collection:
    return parse(file, file.read_text())


def parse(file: Path, text: str) -> Collection:
    variables: dict[str, str] = {}
    scenarios = [Scenario(Place(file, 1), "")]
    for place, title, lines in _blocks(file, text):
        if title is None:
            variables |= _variables(lines)
            continue
        if title.startswith(_SCENARIO):
            scenarios.append(Scenario(place, title.removeprefix(_SCENARIO)))
        scenarios[-1].requests.append(_request(place, title, lines))
    _refuse_empty(scenarios[1:])
    found = Collection(file, variables, scenarios)
    _refuse_double_names(found.requests)
    return found


Lines = list[tuple[Place, str]]


def _blocks(file: Path, text: str) -> list[tuple[Place, str | None, Lines]]:
    """The first one, without a title, is what stands above all separators."""
    blocks: list[tuple[Place, str | None, Lines]] = [(Place(file, 1), None, [])]
    for number, line in enumerate(text.splitlines(), start=1):
        separator = _SEPARATOR.fullmatch(line)
        if separator is not None:
            blocks.append((Place(file, number), separator[1].strip(), []))
        else:
            blocks[-1][2].append((Place(file, number), line))
    return blocks


def _variables(lines: Lines) -> dict[str, str]:
    found = {}
    for place, line in lines:
        if not line.strip() or line.startswith(("//", "# ")):
            continue
        variable = _VARIABLE.fullmatch(line.strip())
        if variable is None:
            raise CollectionError(place, "only '@name = value' and comments may stand above the first ###")
        found[variable[1]] = variable[2]
    return found


def _request(place: Place, title: str, lines: Lines) -> Request:
    if not title:
        raise CollectionError(place, "a request needs a title behind its ###")
    request = Request(place, title)
    rest = _take_words(request, lines)
    if not rest:
        raise CollectionError(place, "there is no request under this title")
    where, first = rest[0]
    request_line = _REQUEST_LINE.fullmatch(first.strip())
    if request_line is None:
        raise CollectionError(where, f"this is no request line: {first.strip()}")
    request.place, request.method, request.url = where, request_line[1], request_line[2]
    _take_headers_and_body(request, rest[1:])
    _refuse_unchecked(request)
    return request


def _take_words(request: Request, lines: Lines) -> Lines:
    """Up to the request line; what begins with // is for people alone."""
    for number, (place, line) in enumerate(lines):
        if line.startswith("#"):
            _take_word(request, place, line)
        elif line.strip() and not line.startswith("//"):
            return lines[number:]
    return []


def _take_word(request: Request, place: Place, line: str) -> None:
    match = _WORD.fullmatch(line.strip())
    word, rest = (match[1], match[2]) if match is not None else ("", "")
    if word == "@name" and _NAME.fullmatch(rest):
        request.name = rest
    elif word == "expect" and _STATUS.fullmatch(rest):
        request.expected.append(Condition(place, "status", "==", rest))
    elif word == "expect":
        request.expected.append(_condition(place, rest))
    elif word == "until" and (awaited := _AWAITED.fullmatch(rest)) is not None:
        request.awaited.append(_condition(place, awaited[2]))
        request.patience = max(request.patience, float(awaited[1]))
    else:
        raise CollectionError(place, f"unknown word: {line.strip()} (a comment for people begins with //)")


def _condition(place: Place, text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise CollectionError(place, f"this is no condition: {text}")
    return Condition(place, match[1], match[2], match[3])


def _take_headers_and_body(request: Request, lines: Lines) -> None:
    for number, (place, line) in enumerate(lines):
        if not line.strip():
            request.body = "\n".join(text for _, text in lines[number + 1 :]).strip()
            return
        header = _HEADER.fullmatch(line.strip())
        if header is None:
            raise CollectionError(place, f"this is no header: {line.strip()}")
        request.headers.append((header[1], header[2]))


def _refuse_unchecked(request: Request) -> None:
    if sum(each.subject == "status" for each in request.expected) != 1:
        raise CollectionError(request.place, "it must say once which status it expects: # expect 200")
    if request.awaited and request.method != "GET":
        raise CollectionError(request.place, "only a GET may be repeated until something holds")
    if request.patience > _LONGEST:
        raise CollectionError(request.place, f"it may wait {_LONGEST} s at most")


def _refuse_empty(scenarios: list[Scenario]) -> None:
    titles: set[str] = set()
    for scenario in scenarios:
        if scenario.title in titles:
            raise CollectionError(scenario.place, f"there are two scenarios '{scenario.title}'")
        titles.add(scenario.title)


def _refuse_double_names(requests: list[Request]) -> None:
    names: set[str] = set()
    for request in requests:
        if request.name in names:
            raise CollectionError(request.place, f"there are two requests named {request.name}")
        if request.name:
            names.add(request.name)
