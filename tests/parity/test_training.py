"""Golden losses and learning rates."""

from conftest import GOLDEN

from jaxvqa.parity.training import compare_losses, compare_schedule


def test_golden_losses_and_learning_rates():
    comparisons = [
        *compare_losses(GOLDEN / "seed0" / "losses.npz", {}),
        *compare_schedule(GOLDEN / "seed0" / "schedule.npz", {}),
    ]
    assert len(comparisons) == 6
    for comparison in comparisons:
        assert comparison.passed, (comparison.array, comparison.relative)
