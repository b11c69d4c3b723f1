from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from retrieval.documents import Passage
from retrieval.entities import Named
from retrieval.lexical import LexicalIndex
from retrieval.ranking import Question, rank, signals
from retrieval.views import lexical_text


@dataclass(frozen=True)
class SmallIndex:
    """Passages with the vectors given for each."""

    passages: Sequence[Passage]
    vectors: np.ndarray
    owner: np.ndarray
    lexical: LexicalIndex

    @property
    def faq(self) -> np.ndarray:
        return np.array([passage.question is not None for passage in self.passages], dtype=bool)

    @property
    def named(self) -> Named:
        return Named.of([passage.entity for passage in self.passages], self.lexical)

    def dense(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        cosines = queries @ self.vectors.T
        rows = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        return rows, np.take_along_axis(cosines, rows, axis=1)


def index_of(*entries: tuple[Passage, Sequence[float]]) -> SmallIndex:
    """An index in which a passage has one vector (cosine, rest) for each cosine with `QUERY` given."""
    passages = [passage for passage, _ in entries]
    pairs = [(number, cosine) for number, (_, cosines) in enumerate(entries) for cosine in cosines]
    vectors = np.array([[c, np.sqrt(1 - c * c)] for _, c in pairs], dtype=np.float32).reshape(len(pairs), 2)
    owner = np.array([number for number, _ in pairs], dtype=np.int32)
    return SmallIndex(passages, vectors, owner, LexicalIndex.build(map(lexical_text, passages)))


QUERY = np.array([1.0, 0.0], dtype=np.float32)


def faq(document: str, question: str, answer: str = "Yes.", number: int = 0) -> Passage:
    return Passage(f"{document}#{number}", document, question, "kb", answer, question=question)


def section(document: str, text: str, number: int = 0) -> Passage:
    return Passage(f"{document}#{number}", document, document, "kb", text)


def found(index: SmallIndex, text: str, k: int = 5, unread: float = 0.0) -> list[str]:
    return [hit.passage.id for hit in rank(index, Question(text, QUERY, unread), k).hits]


def test_hits_come_best_first_with_falling_scores() -> None:
    index = index_of((faq("a", "alpha"), [0.2]), (faq("b", "beta"), [0.9]), (faq("c", "gamma"), [0.5]))
    result = rank(index, Question("delta", QUERY), 2)
    assert [hit.passage.document_id for hit in result.hits] == ["b", "c"]
    assert result.hits[0].score > result.hits[1].score


def test_a_paraphrased_faq_beats_one_that_shares_a_word() -> None:
    index = index_of((faq("near", "send back goods"), [0.8]), (faq("word", "parcel weight"), [0.6]))
    assert found(index, "parcel refund")[0] == "near#0"


def test_a_document_with_the_question_s_words_beats_a_nearer_one_without() -> None:
    index = index_of(
        (section("near", "Other things entirely."), [0.6]), (section("word", "Encrypt the SD card."), [0.5])
    )
    assert found(index, "encrypt SD card")[0] == "word#0"


def test_a_passage_far_by_vector_is_still_found_by_its_words() -> None:
    others = [(section(f"d{n}", f"text {n}"), [0.4]) for n in range(200)]
    index = index_of(*others, (section("rare", "zanzibar ferry"), [-0.9]))
    assert "rare#0" in found(index, "zanzibar", k=200)


def test_words_decide_what_the_embedder_cannot_read() -> None:
    index = index_of((faq("near", "发货时间"), [0.95]), (faq("word", "退货政策"), [0.7]))
    assert found(index, "怎么退货", unread=0.0)[0] == "near#0"
    assert found(index, "怎么退货", unread=1.0)[0] == "word#0"


def test_a_faq_entry_is_one_hit_and_a_document_may_be_several() -> None:
    index = index_of(
        (faq("f", "alpha", "One."), [0.9]),
        (faq("f", "alpha", "Two.", 1), [0.8]),
        (section("d", "first part"), [0.7]),
        (section("d", "second part", 1), [0.6]),
    )
    assert found(index, "omega") == ["f#0", "d#0", "d#1"]


def test_the_same_text_twice_is_one_hit() -> None:
    index = index_of((section("d", "Same words here."), [0.9]), (section("d", "same words here", 1), [0.8]))
    assert found(index, "omega") == ["d#0"]


def test_evidence_falls_when_the_answer_is_taken_away() -> None:
    rest = [(faq(f"x{n}", f"topic {n}"), [0.3]) for n in range(12)]
    with_answer = rank(index_of((faq("a", "refund"), [0.95]), *rest), Question("refund", QUERY), 5)
    without = rank(index_of(*rest), Question("refund", QUERY), 5)
    assert with_answer.evidence > 0.9
    assert without.evidence < 0.2


def test_evidence_of_unreadable_questions_is_the_share_of_words_found() -> None:
    index = index_of((faq("a", "退货政策"), [0.99]), (faq("b", "发货时间"), [0.99]))
    assert rank(index, Question("退货政策", QUERY, 1.0), 5).evidence == pytest.approx(1.0)
    assert rank(index, Question("足球比赛", QUERY, 1.0), 5).evidence == pytest.approx(0.0)


def test_an_empty_index_has_no_hits_and_no_evidence() -> None:
    index = index_of()
    result = rank(index, Question("anything", QUERY), 5)
    assert (result.hits, result.evidence) == ((), 0.0)
    assert signals(index, Question("anything", QUERY)) is None


@pytest.mark.parametrize("text", ["", "   ", "???", "the"])
def test_questions_without_words_are_answered_by_vector_alone(text: str) -> None:
    index = index_of((section("d", "words"), [0.4]))
    assert found(index, text) == ["d#0"]


def test_passages_about_what_is_in_play_come_first() -> None:
    entries = [
        (replace(faq(name, "Is there parking?", f"{name}: yes"), entity=name), [0.9]) for name in ("Zelos", "Cotogna")
    ]
    index = index_of((faq("x", "Anything?"), [0.95]), *entries)
    play = {index.named.entities.names.index("Cotogna"): 0.9}
    hits = rank(index, Question("parking", QUERY, in_play=play), 3).hits
    assert [hit.passage.document_id for hit in hits] == ["Cotogna", "x", "Zelos"]


def test_what_is_in_play_is_found_however_far_its_vectors_are() -> None:
    many = [(faq(f"d{n}", f"Question {n}?", f"Answer {n}."), [0.9]) for n in range(120)]
    index = index_of(*many, (replace(faq("z", "Pets?", "No."), entity="Zelos"), [0.2]))
    assert rank(index, Question("delta", QUERY, in_play={0: 1.0}), 1).hits[0].passage.document_id == "z"


def test_evidence_is_weighed_from_the_question_with_the_name() -> None:
    index = index_of((replace(faq("z", "Pets?", "No."), entity="Zelos"), [1.0]), (faq("y", "Cats?", "Yes."), [0.0]))
    far = np.array([0.0, 1.0], dtype=np.float32)
    near = rank(index, Question("delta", QUERY, in_play={0: 1.0}, named_vector=QUERY), 1).evidence
    assert near > rank(index, Question("delta", QUERY, in_play={0: 1.0}, named_vector=far), 1).evidence


def test_a_follow_up_stays_with_the_document_it_leans_on() -> None:
    index = index_of(
        (section("delivery", "Delivery to Germany."), [0.6]), (section("returns", "Returns from Germany."), [0.55])
    )
    leaning = Question(
        "And from Germany?", QUERY, joined="Returns? And from Germany?", before=np.array([0.55, 0.835], np.float32)
    )
    assert found(index, "Germany")[0] == "delivery#0"
    assert rank(index, leaning, 5).hits[0].passage.id == "returns#0"


def test_faq_entries_are_no_document_to_stay_with() -> None:
    index = index_of((faq("a", "alpha"), [0.6]), (faq("b", "beta"), [0.5]))
    leaning = Question("omega", QUERY, joined="beta omega", before=np.array([0.5, 0.866], np.float32))
    assert [hit.passage.id for hit in rank(index, leaning, 5).hits] == ["a#0", "b#0"]


def test_a_follow_up_with_words_that_nothing_has_is_less_sure() -> None:
    rest = [(section(f"x{n}", f"topic {n}"), [0.1]) for n in range(12)]
    index = index_of((section("plants", "Water a monstera every week."), [0.5]), *rest)
    known = Question("And a monstera?", QUERY, joined="How often? And a monstera?", before=QUERY)
    strange = Question("And an orchid?", QUERY, joined="How often do I water a monstera? And an orchid?", before=QUERY)
    assert rank(index, known, 5).evidence > 0.8
    assert rank(index, strange, 5).evidence < 0.5


def test_a_faq_entry_that_is_clearly_likelier_to_answer_comes_before_a_passage_with_more_of_the_words() -> None:
    others = [(section(f"o{n}", f"other matters {n}"), [0.1]) for n in range(5)]
    entry, passage = faq("entry", "how to return things"), section("orders", "order send my order for back orders")
    text = "send my order back"
    index = index_of((entry, [0.72]), (passage, [0.5]), *others)
    result = rank(index, Question(text, QUERY), 5)
    assert [hit.passage.id for hit in result.hits[:2]] == ["entry#0", "orders#0"]
    assert result.hits[0].score >= result.hits[1].score
    assert result.evidence > rank(index_of((passage, [0.5]), *others), Question(text, QUERY), 5).evidence
    near = index_of((entry, [0.3]), (passage, [0.5]), *others)
    assert found(near, text)[0] == "orders#0"
