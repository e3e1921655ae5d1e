"""Addresses of storages."""

import pytest

from shared.files.storage import ObjectStorage
from tests.media.stores import SECRET


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "ftp://host/x",
        "http://host/x",
        "file:relative",
        "file://host/x",
        "s3://",
        f"s3://key:{SECRET}@bucket/x",
        f"s3://bucket?no_such_setting={SECRET}",
        f"s3://bucket?path_style={SECRET}",
        f"gs://bucket?no_such_setting={SECRET}",
        f"s3://[{SECRET}",
    ],
)
def test_an_address_that_is_wrong_is_refused_without_being_repeated(url: str):
    with pytest.raises(ValueError, match=r"storage") as caught:
        ObjectStorage.from_url(url)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_clouds_of_others_are_known_as_well(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    assert repr(ObjectStorage.from_url("az://container/x")) == "<storage in az://container/x>"
    url = "gs://bucket/x?skip_signature=true"
    assert repr(ObjectStorage.from_url(url)) == "<storage in gs://bucket/x>"
