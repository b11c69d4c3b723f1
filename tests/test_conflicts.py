import pytest

from assistant.conflicts import conflict
from retrieval.documents import Hit, Passage


def section(document: str, text: str, heading: str = "", date: str | None = None, title: str = "Help") -> Hit:
    return Hit(Passage(f"{document}#0", document, title, "kb", text, heading_path=(heading,), date=date), 1.0)


def faq(document: str, question: str, answer: str, date: str | None = None) -> Hit:
    return Hit(Passage(f"{document}#0", document, question, "kb", answer, question=question, date=date), 1.0)


ASKED = "How long can I return a lamp?"
OLD = "You can return lamps within 14 days of delivery."
NEW = "You can return lamps within 30 days of delivery. Keep the packaging."


@pytest.mark.parametrize("newest_first", [True, False])
def test_of_two_dated_passages_the_newer_one_counts(newest_first: bool) -> None:
    new, old = section("new", NEW, date="2026-03-01"), section("old", OLD, date="2024-05-02")
    found = conflict(ASKED, [new, old] if newest_first else [old, new])
    assert found is not None and found.dated
    assert (found.chosen.document_id, found.other.document_id) == ("new", "old")
    assert (found.chosen_says, found.other_says) == ("You can return lamps within 30 days of delivery.", OLD)


@pytest.mark.parametrize("dates", [(None, None), ("2026-03-01", None), ("2026-03-01", "2026-03-01")])
def test_without_dates_that_differ_both_are_named(dates: tuple[str | None, str | None]) -> None:
    found = conflict(ASKED, [section("a", NEW, date=dates[0]), section("b", OLD, date=dates[1])])
    assert found is not None and not found.dated
    assert (found.chosen.document_id, found.other.document_id) == ("a", "b")


def test_faq_entries_with_the_same_question_conflict_by_their_answers() -> None:
    found = conflict(ASKED, [faq("a", ASKED, "30 days."), faq("b", "How long can lamps be returned?", "14 days.")])
    assert found is not None


def test_chinese_passages_conflict() -> None:
    hits = [section("a", "灯具自收货之日起 30 天内可以退货。"), section("b", "灯具自收货之日起 14 天内可以退货。")]
    assert conflict("灯具多少天内可以退货？", hits) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Delivery in Ireland costs €4.50.", "Express delivery in Ireland costs €9.90."),
        ("Delivery to Ireland costs €4.50.", "Delivery to Germany costs €6.90."),
        ("The warranty on lamps lasts 3 years.", "The warranty on light bulbs lasts 1 year."),
        ("Delivery in Ireland costs €4.50.", "Delivery in Ireland costs €4.50."),
        ("Delivery in Ireland costs €4.50.", "Delivery in Ireland is quick."),
        ("Delivery in Ireland: see https://a.example/1.", "Delivery in Ireland: see https://b.example/2."),
        ("爱尔兰境内运费 4.50 欧元。", "寄到德国运费 6.90 欧元。"),
    ],
)
def test_other_subjects_are_no_conflict(one: str, other: str) -> None:
    question = "How much is delivery in Ireland, how long the warranty on lamps? 爱尔兰运费"
    assert conflict(question, [section("a", one), section("b", other)]) is None


def test_headings_and_entities_tell_subjects_apart() -> None:
    standard, express = "Delivery costs €4.50.", "Delivery costs €9.90."
    question = "What does delivery cost?"
    assert conflict(question, [section("a", standard, "Standard"), section("b", express, "Express")]) is None
    hits = [
        Hit(Passage(f"{d}#0", d, d, "kb", text, entity=d), 1.0) for d, text in (("Glow", standard), ("Mist", express))
    ]
    assert conflict(question, hits) is None


@pytest.mark.parametrize(
    ("titles", "found"),
    [
        (("Platinum Card: annual fee", "Diamond Elite Card: annual fee"), False),
        (("Card fees, updated version", "Card fees (old)"), True),
        (("Fees 2024", "Fees 2026"), True),
        (("Platinum Card", "Fees"), True),  # the page on fees may be about any card
    ],
)
def test_titles_of_two_products_are_no_conflict(titles: tuple[str, str], found: bool) -> None:
    texts = ("The annual fee of the card is $450.", "The annual fee of the card is $495. It pays all fees.")
    hits = [section(title, text, "Annual fee", title=title) for title, text in zip(titles, texts, strict=True)]
    assert (conflict("How much is the annual fee?", hits) is not None) == found


def test_a_heading_may_name_what_the_sentence_leaves_out() -> None:
    whole, short = section("a", "Express delivery costs €4.50."), section("b", "Delivery costs €9.90.", "Express")
    assert conflict("What does express delivery cost?", [whole, short]) is not None


def test_one_document_does_not_contradict_itself_and_what_was_not_asked_is_left_out() -> None:
    twice = [section("a", OLD), section("a", "You can return lamps within 30 days of delivery.")]
    assert conflict(ASKED, twice) is None
    aside = [section("a", "Lamps are warm. Call 555 1234."), section("b", "Lamps are warm. Call 555 9999.")]
    assert conflict("Are lamps warm?", aside) is None
    assert conflict(ASKED, []) is None
