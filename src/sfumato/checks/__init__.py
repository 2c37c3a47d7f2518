"""Floor 5: the public contract tests. Third parties run them on their own methods and laws.

import sfumato as sf

sf.checks.check(MyMethod)  # every rule that applies; CheckFailed lists all that are broken

@pytest.mark.parametrize("card, name", sf.checks.cases())  # every method that is declared
def test_contract(card, name):
    sf.checks.run(card, name)
"""

from . import aggregators, declaration, estimates, inference, laws, learning, mathematics, resume, robustness, rules  # noqa: F401 - importing declares
from .registry import CHECKS, Check, CheckFailed, Result, applicable, cases, check, law_cases, run

__all__ = ["CHECKS", "Check", "CheckFailed", "Result", "applicable", "cases", "check", "law_cases", "run"]
