"""What candidates are worth by one criterion that can be measured on the held-out labels for all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from sfumato import select
from sfumato.core.errors import InputError
from sfumato.labels import Labels, Law


def measured(
    names: Sequence[str], predicted: Mapping[str, Tensor], labels: Labels, judge: Law | type[Law]
) -> tuple[str, dict[str, select.Measured], str]:
    """(criterion, its value per candidate, why the ones named before it could not be measured): the first of ``names``
    that all candidates have; "" and no values where none can be measured. A criterion that is named alone was asked
    for: its error is raised.
    """
    why = ""
    for name in names:
        try:
            values = {c: select.criterion(name, log_p, labels, judge) for c, log_p in predicted.items()}
        except InputError as error:
            if len(names) == 1:
                raise
            said = error.saw
        else:
            if not any(math.isnan(value) for value in values.values()):
                return name, values, why
            said = "it is not a number there"
        why = why or f"{name} could not be measured on the held-out labels ({said})"
    return "", {}, why
