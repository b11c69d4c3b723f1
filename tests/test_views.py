from retrieval.documents import Passage
from retrieval.views import lexical_text, views


def test_a_document_s_passage_is_embedded_under_its_headings() -> None:
    passage = Passage(id="d#0", document_id="d", title="Manual", source="kb", text="Press it.", heading_path=("Power",))
    assert views(passage) == ("Manual > Power\nPress it.",)
    assert lexical_text(passage) == "Manual > Power\nPress it."


def test_a_title_repeated_as_heading_is_written_once() -> None:
    passage = Passage(id="d#0", document_id="d", title="Manual", source="kb", text="x", heading_path=("Manual",))
    assert views(passage) == ("Manual\nx",)


def test_a_faq_entry_is_found_by_question_and_answer_and_by_question_alone() -> None:
    passage = Passage(id="f#0", document_id="f", title="", source="kb", text="Yes.", question="Pets?", entity="Alpha")
    assert views(passage) == ("Alpha: Pets?\nYes.", "Alpha: Pets?")


def test_a_passage_without_title_is_its_text() -> None:
    assert views(Passage(id="d#0", document_id="d", title="", source="kb", text="Words.")) == ("Words.",)
