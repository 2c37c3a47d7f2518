"""Floor 5: readers of tables, the encoder of their columns, and the small sets that scikit-learn ships."""

from sfumato.data.bundled import NAMES, load
from sfumato.data.encoder import TableEncoder
from sfumato.data.numbering import number_items
from sfumato.data.readers import Table, read
from sfumato.data.votes import read_votes
from sfumato.train.store import open_rows

__all__ = ["NAMES", "Table", "TableEncoder", "load", "number_items", "open_rows", "read", "read_votes"]
