"""The manifest says what is shipped, and a wrong one names the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.manifest import KINDS, ManifestWrong, UnknownModel, manifest, parse
from models.store import ModelMissing, WrongContent, home, located, place, verify

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "models" / "manifest.toml").read_text(encoding="utf-8")


def test_shipped_file_is_the_one_in_the_manifest():
    model = manifest().named(manifest().default)
    assert model.shipped
    assert located(model).stat().st_size == model.size_bytes
    assert model.short_sha256 == model.sha256[:12]


@pytest.mark.parametrize("model", manifest().model, ids=lambda model: model.name)
def test_every_model_has_a_card_with_its_licence(model):
    card = (ROOT / "models" / model.card).read_text(encoding="utf-8")
    assert model.licence in card
    assert model.sha256 in card
    assert len(model.decode.columns) == len(KINDS)


def test_the_download_is_pinned_to_a_commit():
    model = manifest().named("yolox-nano")
    assert not model.shipped
    assert all("371cb249700106b50b2f934b7f18df3f9d127473" in address for address in model.addresses)


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("schema = 1", "schema = 2", "schema"),
        ('default = "ssdlite-mobilenet-v2"', 'default = "other"', "default"),
        ('kind = "ssd"', 'kind = "frcnn"', "decode.kind"),
        ("multiple_px = 32", "multiple_px = 32\nstride = 4", "stride"),
        ("height_px = 768", "height_px = 770", "height_px"),
        ("overlap = 0.6", "overlap = 1.5", "overlap"),
        ("columns = [0, 1, 2, 3, 4, 5]", "columns = [0, 1, 2, 3, 4, 4]", "columns"),
        ("size_bytes = 3659407", 'size_bytes = "many"', "size_bytes"),
        ('"https://github.com', '"http://github.com', "addresses"),
        ('file = "yolox_nano.onnx"', 'file = "../yolox_nano.onnx"', "file"),
        ('sha256 = "c789161e', 'sha256 = "C789161E', "sha256"),
        ("schema = 1", "schema = ", "TOML"),
    ],
)
def test_wrong_manifest_names_the_key(old, new, names):
    assert old in TEXT
    with pytest.raises(ManifestWrong, match=names) as wrong:
        parse(TEXT.replace(old, new, 1), "m.toml")
    assert str(wrong.value).startswith("m.toml")


def test_unknown_model_lists_those_there_are():
    with pytest.raises(UnknownModel, match=r"yolo99.*ssdlite-mobilenet-v2, yolox-nano"):
        manifest().named("yolo99")


def test_home_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("ESPLANADE_MODEL_HOME", str(tmp_path / "a"))
    assert home() == tmp_path / "a"
    monkeypatch.delenv("ESPLANADE_MODEL_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "b"))
    assert home() == tmp_path / "b" / "esplanade" / "models"


def test_missing_and_damaged_files_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("ESPLANADE_MODEL_HOME", str(tmp_path))
    monkeypatch.delenv("ESPLANADE_MODEL_MIRROR", raising=False)
    model = manifest().named("yolox-nano")
    with pytest.raises(ModelMissing, match="esplanade-models fetch yolox-nano"):
        located(model)
    place(model).write_bytes(b"something else")
    with pytest.raises(WrongContent, match=model.sha256):
        verify(model, place(model))
