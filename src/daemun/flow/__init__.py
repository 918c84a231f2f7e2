"""Incremental collections: a control plane as functions from collections to collections.

A *source* is set from outside. A *derived* collection is a rule run once per input key; the rule reads other
collections only through its `Reader`, and every read is recorded. A change therefore reruns just the rules that read
what changed, and stops where an output stays equal. All of it happens on one thread, in batches: nobody ever sees a
half-settled state.

The laws a rule keeps: it depends on nothing but its input and its reads, it changes nothing, and it never raises for
bad user input (an exception is caught, kept as a `Failure`, and the last good output stays).
"""

from daemun.flow.collection import Collection, Index
from daemun.flow.crowded import Crowded, crowded
from daemun.flow.derived import Derived, Reader, derive
from daemun.flow.distinct import Distinct, distinct
from daemun.flow.graph import Failure, Graph
from daemun.flow.source import Source
from daemun.flow.union import Union, union
from daemun.flow.values import MISSING, Delta, Missing

__all__ = [
    "MISSING",
    "Collection",
    "Crowded",
    "Delta",
    "Derived",
    "Distinct",
    "Failure",
    "Graph",
    "Index",
    "Missing",
    "Reader",
    "Source",
    "Union",
    "crowded",
    "derive",
    "distinct",
    "union",
]
