"""What paper remembers: the database is the truth, everything else may be killed at any moment."""

from sequence_paper.store.database import StoreError as StoreError
from sequence_paper.store.store import Store as Store
