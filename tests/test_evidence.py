from dataclasses import replace

import pytest

from retrieval.evidence import Signals, probability

WEAK = Signals(cosine=0.3, lead=0.02, coverage=0.0, strange=0.0, faq=False)


@pytest.mark.parametrize("multilingual", [False, True])
@pytest.mark.parametrize("faq", [False, True])
def test_evidence_is_a_probability_that_rises_with_every_signal(faq: bool, multilingual: bool) -> None:
    base = replace(WEAK, faq=faq)
    weak = probability(base, multilingual)
    assert 0 < weak < 0.3
    assert probability(replace(base, cosine=0.9), multilingual) > weak
    assert probability(replace(base, lead=0.3), multilingual) > weak
    assert faq or probability(replace(base, coverage=1.0), multilingual) > weak
    assert probability(replace(base, strange=1.0), multilingual) < weak


def test_a_near_copy_of_a_question_that_stands_out_is_believed() -> None:
    assert probability(Signals(cosine=0.9, lead=0.4, coverage=0.0, strange=0.0, faq=True)) > 0.9
