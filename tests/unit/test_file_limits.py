"""What the control plane accepts, the worker takes in."""

import pytest

from shared.contracts.messages import FileKind
from shared.files.limits import HANDED_IN
from worker.media.limits import Limits


@pytest.mark.parametrize("kind", list(FileKind))
def test_no_file_is_accepted_that_is_too_large_to_be_prepared(kind: FileKind):
    assert HANDED_IN[kind] == Limits().taken_in(kind)
