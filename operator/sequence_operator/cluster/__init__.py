"""The one place that talks to Kubernetes.

Importing it is cheap: the client library is loaded by `ClusterClient.connect`.
"""

from sequence_operator.cluster import library
from sequence_operator.cluster.client import ClusterClient
from sequence_operator.cluster.errors import ClusterError, FieldProblem, Kind

__all__ = ["ClusterClient", "ClusterError", "FieldProblem", "Kind"]

library.spare_what_we_do_not_use()
