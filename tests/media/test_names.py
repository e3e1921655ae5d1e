"""Names of files from strangers."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.media.names import extension_of, named, renamed, safe_name


@pytest.mark.parametrize(
    ("told", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\Users\\x\\invoice.pdf", "invoice.pdf"),
        ("/", ""),
        ("..", ""),
        ("...", ""),
        (".bashrc", "bashrc"),
        ("a\0b\r\nc.txt", "abc.txt"),
        ("  a   b .txt", "a b.txt"),
        ("what?.txt", "what_.txt"),
        ('a<b>"c|d*e:f.txt', "a_b__c_d_e_f.txt"),
        ("Rechnung März 2026.pdf", "Rechnung März 2026.pdf"),
        # It would be shown as an exe that looks like a pdf.
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u200d\u200c", ""),
        ("👩\u200d👧.png", "👩\u200d👧.png"),
        ("", ""),
    ],
)
def test_a_name_is_made_harmless(told: str, safe: str):
    assert safe_name(told) == safe


def test_a_long_name_keeps_its_extension():
    assert safe_name("a" * 5000 + ".pdf") == "a" * 116 + ".pdf"
    assert safe_name("é" * 500 + ".docx").endswith("é.docx")
    assert len(safe_name("😀" * 500).encode()) <= 240


@given(st.text(max_size=300) | st.text(alphabet="./\\ \0\u202e:a\u200d", max_size=50))
def test_no_name_can_hold_what_it_should_not(name: str):
    safe = safe_name(name)
    assert not set(safe) & set('/\\<>:"|?*\0')
    assert not any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in safe)
    assert safe == safe.strip(". ")
    assert len(safe) <= 120
    assert len(safe.encode()) <= 240
    assert safe_name(safe) == safe


@given(st.text(max_size=50), st.sampled_from(["image/png", "x/y", "", "text/plain; charset=utf-8"]))
def test_a_document_always_has_a_name_with_an_extension(name: str, mimetype: str):
    full = named(name, mimetype)
    stem, _, extension = full.rpartition(".")
    assert stem
    assert 0 < len(extension) <= 10
    assert safe_name(full) == full


@given(st.text(max_size=50))
def test_a_converted_file_has_the_extension_of_what_it_became(name: str):
    after = renamed(name, "mp4")
    assert after == "" if not safe_name(name) else after.endswith(".mp4")


@pytest.mark.parametrize(
    ("mimetype", "extension"),
    [
        ("image/jpeg", "jpg"),
        ("audio/ogg; codecs=opus", "ogg"),
        ("application/pdf", "pdf"),
        ("text/plain", "txt"),
        ("video/mp4", "mp4"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
        ("no/such", "bin"),
        ("../../x", "bin"),
        ("", "bin"),
    ],
)
def test_a_type_has_an_extension(mimetype: str, extension: str):
    assert extension_of(mimetype) == extension
