from pathlib import Path

import jieba
import numpy as np
import pytest

from retrieval.lexical import LexicalIndex, _segmenter, best, words

TEXTS = [
    "Returning a parcel is free",
    "We ship plants on Mondays",
    "我们的退货政策：三十天内可以退货",
    "order 12345 订单状态",
]


def test_words_are_stemmed_without_function_words() -> None:
    assert words("How do I return the returned parcels?") == ["return", "return", "parcel"]
    assert words("Can anyone return something?") == ["return"]


def test_chinese_is_cut_into_words_also_beside_latin_and_digits() -> None:
    assert words("订单12345的退货iPhone") == ["订单", "12345", "退货", "iphon"]


def test_full_width_letters_are_the_same_words() -> None:
    assert words("ＷｉＦｉ") == words("wifi")


def test_segmenting_says_nothing_and_leaves_no_cache_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _segmenter.cache_clear()
    assert words("退货政策") == ["退货", "政策"]
    assert capfd.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []
    assert not jieba.dt.initialized


def test_search_ranks_texts_that_share_a_term() -> None:
    index = LexicalIndex.build(TEXTS)
    numbers, scores = index.search("free parcel return", 3)
    assert numbers.tolist() == [0]
    assert scores[0] > 0
    assert index.search("如何退货", 3)[0].tolist() == [2]
    assert index.search("订单 order", 1)[0].tolist() == [3]


def test_a_question_without_known_terms_finds_nothing() -> None:
    index = LexicalIndex.build(TEXTS)
    assert index.search("zebra", 3)[0].tolist() == []
    assert index.search("", 3)[0].tolist() == []


def test_scores_equal_the_library_s_own() -> None:
    index = LexicalIndex.build(TEXTS)
    assert index._model is not None
    terms = words("return plants order")
    np.testing.assert_allclose(index.scores(terms), index._model.get_scores(terms), rtol=1e-6)


def test_rare_terms_weigh_more_and_unknown_ones_most() -> None:
    index = LexicalIndex.build(["red apple", "red pear", "red plum"])
    common, rare, unknown = index.rarity(["red", "appl", "zebra"])
    assert common < rare < unknown


def test_saved_indexes_load_the_same_without_pickle(tmp_path: Path) -> None:
    index = LexicalIndex.build(TEXTS)
    index.save(tmp_path)
    loaded = LexicalIndex.load(tmp_path)
    for query in ("free parcel", "退货政策", "order"):
        np.testing.assert_array_equal(loaded.scores(words(query)), index.scores(words(query)))
    assert {p.suffix for p in tmp_path.iterdir()} == {".npy", ".json"}


@pytest.mark.parametrize("texts", [[], ["", "the of and"]])
def test_an_index_without_terms_can_be_saved_and_searched(tmp_path: Path, texts: list[str]) -> None:
    LexicalIndex.build(texts).save(tmp_path)
    loaded = LexicalIndex.load(tmp_path)
    assert loaded.size == len(texts)
    assert loaded.search("anything", 3)[0].tolist() == []


def test_best_is_in_order_with_ties_as_they_came() -> None:
    assert best(np.array([0.0, 2.0, 3.0, 2.0], dtype=np.float32), 2).tolist() == [2, 1]
    assert best(np.array([0.0, 1.0], dtype=np.float32), 5).tolist() == [1]
    assert best(np.array([], dtype=np.float32), 5).tolist() == []


def test_traditional_chinese_gives_the_terms_of_simplified() -> None:
    assert words("寄到香港的運費") == words("寄到香港的运费")
    assert "运费" in words("運費")


def test_unheard_is_the_share_of_terms_that_no_text_uses() -> None:
    index = LexicalIndex.build(["water the plant", "sell the lamp"])
    assert index.unheard(words("plant orchid lamp zebra")) == 0.5
    assert index.unheard([]) == 0.0
