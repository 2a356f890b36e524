"""Whose a field is."""

from __future__ import annotations

import pytest

from sequence_operator.spec.ownership import owners

OBJ = {
    "metadata": {
        "managedFields": [
            {"manager": "sequence-source", "fieldsV1": {"f:spec": {"f:risk": {"f:maxOrderRate": {}}}}},
            {"manager": "sequence-state", "fieldsV1": {"f:spec": {"f:state": {}}}},
            {"manager": "kubectl", "subresource": "status", "fieldsV1": {"f:status": {"f:phase": {}}}},
            {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:state": {}}}},
            {"manager": "odd"},
        ]
    }
}


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (("spec", "state"), ("sequence-state", "kubectl")),
        (("spec", "risk"), ("sequence-source",)),
        (("status",), ("kubectl",)),
        (("spec", "state", "deeper"), ()),
        (("spec", "suspend"), ()),
    ],
)
def test_a_field_belongs_to_those_who_set_it(path, wanted):
    assert owners(OBJ, *path) == wanted


def test_a_default_belongs_to_nobody():
    assert owners({"metadata": {}}, "spec", "state") == ()
