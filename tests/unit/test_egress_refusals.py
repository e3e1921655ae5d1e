"""Whatever goes wrong with a URL has a code of the API by the same name, and names the field."""

import pytest

from control_plane.egress.refusals import refusal
from control_plane.egress.troubles import EgressError, Trouble
from control_plane.errors import problem


@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_trouble_is_told_by_its_name(trouble: Trouble):
    error = EgressError(trouble)
    told = problem(refusal(error, "/media/url"), "req-1")
    assert (told["code"], told["status"], told["detail"]) == (trouble.value, 422, error.detail)
    assert told["errors"] == [{"pointer": "/media/url", "detail": error.detail}]
    assert told["retryable"] is error.may_pass
