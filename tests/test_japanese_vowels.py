import hashlib
from pathlib import Path

import pytest
import torch
from helpers import DATA

from pyngn_graph.datasets import JapaneseVowels, japanese_vowels

SERIES = {
    "ae.train": [torch.arange(12.0).repeat(length, 1) + length for length in (3, 1, 2)],
    "ae.test": [torch.ones(2, 12), torch.arange(24.0).view(2, 12)],
}


def write(root: Path, end: str, newline: str = "\n") -> None:
    for name, series in SERIES.items():
        lines = []
        for item in series:
            # Numbers that are not the row of 1.0: the last of a row says 1.5 where all are 1.
            lines += [" ".join(str(v) for v in row[:-1]) + " 1.5" for row in item.tolist()]
            lines.append(end)
        (root / name).write_bytes(newline.join(lines).encode())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few series of two speakers that pass the checksum."""
    write(tmp_path, "")
    for name in SERIES:
        content = (tmp_path / name).read_bytes() + b"\n"
        monkeypatch.setitem(japanese_vowels.SHA256, name, hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(japanese_vowels, "COUNTS", {"ae.train": (2, 1), "ae.test": (0, 2)})
    monkeypatch.setattr(JapaneseVowels, "num_classes", 2)
    return tmp_path


@pytest.mark.parametrize("end", ["", " ".join(["1.0"] * 12), " ".join(["1.0"] * 12) + "  "])
@pytest.mark.parametrize("newline", ["\n", " \r\n"])
def test_every_known_end_of_a_series(folder: Path, end: str, newline: str) -> None:
    write(folder, end, newline)
    train, whole = JapaneseVowels(folder), JapaneseVowels(folder, None)
    assert train.lengths.tolist() == [3, 1, 2]
    assert train.x.shape == (3, 3, 12)
    assert whole.y.tolist() == [0, 0, 1, 1, 1]
    for data, item in zip(whole, SERIES["ae.train"] + SERIES["ae.test"], strict=True):
        assert torch.equal(data.x[:, :-1], item[:, :-1])
        assert torch.equal(data.x[:, -1], torch.full((len(item),), 1.5))
    assert float(train.x[1, 1:].abs().sum()) == 0.0


def test_missing_and_changed_files(folder: Path) -> None:
    path = folder / "ae.test"
    path.write_text(path.read_text().replace("1.5", "1.4", 1))
    assert len(JapaneseVowels(folder)) == 3
    with pytest.raises(
        ValueError, match=r"'ae.test' is not the file that was expected.*anew from https"
    ):
        JapaneseVowels(folder, "test")
    path.write_bytes(b"\xff\x00 no numbers")
    with pytest.raises(ValueError, match=r"'ae.test' is not the file that was expected"):
        JapaneseVowels(folder, None)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"does not hold 'ae.test'; get it from https"):
        JapaneseVowels(folder, "test")
    with pytest.raises(ValueError, match="Unknown split 'all'"):
        JapaneseVowels(folder, "all")


@pytest.mark.skipif(not (DATA / "japanese_vowels").is_dir(), reason="needs them in PYNGN_DATA")
def test_japanese_vowels_are_what_their_card_says() -> None:
    train, test = (JapaneseVowels(DATA / "japanese_vowels", split) for split in ("train", "test"))
    assert train.y.bincount().tolist() == [30] * 9
    assert test.y.bincount().tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    lengths = torch.cat([train.lengths, test.lengths])
    assert (int(lengths.min()), int(lengths.max())) == (7, 29)
    assert train.x.size(2) == 12
    torch.testing.assert_close(train.x[0, 0, :2], torch.tensor([1.860936, -0.207383]))
