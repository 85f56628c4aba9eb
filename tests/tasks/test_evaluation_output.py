from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jaxvqa.evaluation.metrics import Agreement
from jaxvqa.results.table import ScoreTable
from jaxvqa.tasks.evaluation_output import print_evaluation, print_gain, print_summary


def test_metrics_have_intervals(capsys):
    agreement = Agreement(np.array([0.5, 0.6, 0.4, 0.1]), np.array([[0.1, 0.9]] * 4))
    labels = ScoreTable(Path("labels"), list("abcdefghi"), {})
    print_evaluation({"O": agreement, "mean": agreement}, labels, 100, "A title")
    out = capsys.readouterr().out
    assert out.startswith("A title\n")
    assert "0.5000 [0.100, 0.900]" in out
    assert "9 videos; 95 % confidence intervals from 100 bootstrap samples of videos." in out
    print_evaluation({"O": agreement}, replace(labels, groups=[*"xxxyyyz", "", ""]), 100)
    assert (
        "9 videos in 5 groups; 95 % confidence intervals from 100 bootstrap samples of groups."
        in capsys.readouterr().out
    )


def test_gain_is_the_difference_on_the_same_samples(capsys):
    random = np.random.default_rng(0)
    truth = random.normal(size=60)
    better, worse = (
        ScoreTable(Path(), [*map(str, range(60))], {"O": truth + noise * random.normal(size=60)}) for noise in (0.3, 2)
    )
    labels = ScoreTable(Path(), better.names, {"O": truth})
    gain, loss = print_gain("mini", worse, better, labels, 200, 0), print_gain("mini", better, worse, labels, 200, 0)
    assert gain.low > 0 > loss.high
    assert loss == pytest.approx((-gain.mean, -gain.high, -gain.low))
    assert "Before, mini reached a mean SRCC of 0.9" in capsys.readouterr().out
    two = replace(labels, scores={**labels.scores, "A-1": truth})
    both = replace(better, scores={**better.scores, "A-1": truth})
    assert print_gain("mini", worse, both, two, 200, 0) == gain
    assert "Not scored by mini: A-1." in capsys.readouterr().out
    assert print_gain("mini", replace(worse, scores={}), both, two, 200, 0) is None
    constant = ScoreTable(Path("start"), better.names, {"O": np.full(60, 0.5)})
    assert np.isnan(print_gain("mini", constant, better, labels, 20, 0)).all()
    said = "What training adds to mini is not known: start: O is the same for all 60 videos"
    assert said in " ".join(capsys.readouterr().out.split())


def test_summaries_have_deviations(capsys):
    print_summary({"recipe": {"PLCC": [0.4, 0.6]}}, "A title")
    assert "0.500 ± 0.100" in capsys.readouterr().out
