"""Floor 3: features and a few labels, or scores -> labeling functions, whose votes any aggregation takes; and what to
buy: more labels, more raters or better ones.
"""

from sfumato.rules.elicitation import Elicitation, elicitation
from sfumato.rules.functions import Functions, LabelingFunction
from sfumato.rules.goggles import Goggles
from sfumato.rules.iws import IWS, simulated_oracle
from sfumato.rules.plan import Design, Plan, Rater, labels_worth, majority_right, plan
from sfumato.rules.scorers import ScorerVotes, restricted
from sfumato.rules.snuba import Snuba

__all__ = [
    "IWS",
    "Design",
    "Elicitation",
    "Functions",
    "Goggles",
    "LabelingFunction",
    "Plan",
    "Rater",
    "ScorerVotes",
    "Snuba",
    "elicitation",
    "labels_worth",
    "majority_right",
    "plan",
    "restricted",
    "simulated_oracle",
]
