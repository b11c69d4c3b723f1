from dataclasses import replace

from retrieval.evidence import Signals, probability

WEAK = Signals(cosine=0.3, lead=0.02, coverage=0.0)


def test_evidence_is_a_probability_that_rises_with_every_signal() -> None:
    weak = probability(WEAK)
    assert 0 < weak < 0.3
    assert probability(replace(WEAK, cosine=0.9)) > weak
    assert probability(replace(WEAK, lead=0.3)) > weak
    assert probability(replace(WEAK, coverage=1.0)) > weak


def test_a_near_copy_of_a_question_that_stands_out_is_believed() -> None:
    assert probability(Signals(cosine=0.9, lead=0.4, coverage=0.0)) > 0.9
