"""How many cheap and how many good labels to buy: the regimes of quantity, quality, and both."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

from sfumato.core.errors import ParameterError

from .plan import labels_worth


@dataclass(frozen=True)
class Elicitation:
    """What to buy: weak and good labels (real numbers), what both are worth in good labels, the regime (quantity: weak
    alone, quality: good alone, mixed), the budget from which on it is mixed, and what weak or good labels alone would
    be worth.
    """

    weak: float
    good: float
    worth: float
    regime: str
    mixed_from: float
    weak_alone: float
    good_alone: float


def elicitation(
    budget: float,
    *,
    weak_cost: float,
    weak_error: float,
    good_cost: float = 1.0,
    bias: float = 0.0,
    pool: float = inf,
    k: int = 2,
) -> Elicitation:
    r"""The best split of a budget between weak labels, which err at random and may be biased, and good ones.

    .. math:: V(n_w, n_g) = n_g + \frac{1}{1 / (s\, n_w) + b^2}, \qquad s = \Big(1 - \frac{K}{K - 1} e\Big)^2, \qquad
              n_w^\ast = \frac{\sqrt{s\, c_g / c_w} - 1}{s\, b^2}

    V is the inverse of the least mean squared error of a weighted mean of two independent estimates, in units of one
    good label's: that of n_g good labels has variance :math:`1 / n_g`, that of n_w weak ones :math:`1 / (s n_w)` and a
    bias b that no number of them removes. It is concave in n_w along the budget, so weak labels are bought up to
    :math:`n_w^\ast` and good ones from then on: quantity while the budget is below :math:`c_w n_w^\ast`, then both, and
    quality alone where :math:`s c_g \le c_w`. These are the three regimes that mallen2024balancing saw in training; the
    model of one mean is ours. Without a bias and a pool it is always one or the other.

    Args: budget, positive; weak_cost c_w, good_cost c_g, positive; weak_error e in [0, (K - 1) / K); bias b not
    negative, in standard deviations of one good label; pool: weak labels that can be had at most; k classes.
    """
    positive = min(budget, weak_cost, good_cost) > 0 and max(budget, weak_cost, good_cost) < inf
    if not positive or not 0 <= bias < inf or not pool >= 0 or not 0 <= weak_error < (k - 1) / k:
        raise ParameterError(
            f"budget={budget}, costs {weak_cost} and {good_cost}, weak_error={weak_error}, bias={bias}, pool={pool}",
            "a positive budget and costs, an error below chance, no negative bias or pool",
        )
    s = labels_worth(weak_error, k)
    gain = sqrt(s * good_cost / weak_cost) - 1
    if gain <= 0:
        most = 0.0
    else:
        most = inf if bias == 0 else gain / (s * bias**2)
    most = min(most, pool)
    weak = min(most, budget / weak_cost)
    good = max(0.0, (budget - weak * weak_cost) / good_cost) if weak < budget / weak_cost else 0.0
    regime = "quality" if weak == 0 else "quantity" if good == 0 else "mixed"
    alone = worth(min(budget / weak_cost, pool), 0.0, s, bias)
    start = most * weak_cost if most > 0 else inf
    return Elicitation(weak, good, worth(weak, good, s, bias), regime, start, alone, budget / good_cost)


def worth(weak: float, good: float, s: float, bias: float) -> float:
    """V of weak labels worth s each at most, and good ones."""
    return good + (1 / (1 / (s * weak) + bias**2) if weak > 0 else 0.0)
