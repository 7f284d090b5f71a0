"""Other words for the same item."""

from pathlib import Path

import pytest
import torch

from kgrec.errors import InputError
from kgrec.lm.augmentation import BackTranslation, Synonyms, WordDropout

TEXTS = ["the good the bad and the ugly", "heat", ""]


def test_word_dropout_leaves_out_its_share_and_never_all() -> None:
    torch.manual_seed(0)
    drop = WordDropout(0.3)
    kept = [len(text.split()) for text in drop([" ".join("abcdefghij")] * 500)]
    assert sum(kept) / 5000 == pytest.approx(0.7, abs=0.03)
    assert WordDropout(0.999)(TEXTS)[1:] == ["heat", ""]
    assert all(WordDropout(0.999)(TEXTS[:1]))
    assert WordDropout(0)(TEXTS) == TEXTS


def test_torch_s_seed_decides() -> None:
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(WordDropout(0.5)(["a b c d e f g h i j k l"]))
    assert drawn[0] == drawn[1] != drawn[2]


def test_synonyms_come_from_the_lexicon(tmp_path: Path) -> None:
    lexicon = tmp_path / "words.tsv"
    lexicon.write_text("bad\tevil\tpoor\nugly\tplain\n")
    torch.manual_seed(0)
    found = {text for _ in range(30) for text in Synonyms(str(lexicon), 1.0)(["Bad and ugly"])}
    assert found == {"evil and plain", "poor and plain"}
    assert Synonyms(str(lexicon), 0.0)(TEXTS) == TEXTS
    lexicon.write_text("bad\tevil\nalone\n")
    with pytest.raises(InputError, match="line 2: found one word"):
        Synonyms(str(lexicon), 1.0)


def test_each_text_is_translated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def there_and_back(_self: BackTranslation, texts: list[str]) -> list[str]:
        asked.append(texts)
        return [text.upper() for text in texts]

    monkeypatch.setattr(BackTranslation, "_there_and_back", there_and_back)
    translate = BackTranslation("a", "b", 1.0)
    assert translate([*TEXTS, "heat"]) == [TEXTS[0].upper(), "HEAT", "", "HEAT"]
    assert translate(["heat", "alien"]) == ["HEAT", "ALIEN"]
    assert asked == [["heat", TEXTS[0]], ["alien"]]
    assert BackTranslation("a", "b", 0.0)(TEXTS) == TEXTS


def test_a_translator_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="back_translation: model /nowhere does not load"):
        BackTranslation("/nowhere", "/nowhere", 1.0)(["heat"])


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match=r"word_dropout\.probability: found 1\.5, expected in \[0, 1\]"):
        WordDropout(1.5)
