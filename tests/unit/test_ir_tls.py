"""The names of bundles of CA certificates among the secrets of a proxy."""

from daemun.base.names import Ref
from daemun.ir.tls import bundle_name, bundle_of

MAP, SECRET = Ref("", "ConfigMap", "n", "a.b"), Ref("", "Secret", "ca", "c")


def test_a_name_says_what_is_in_the_bundle() -> None:
    assert bundle_name((MAP, SECRET)) == "ca/ConfigMap/n/a.b+Secret/ca/c"
    assert bundle_of(bundle_name((MAP, SECRET))) == (MAP, SECRET)


def test_the_name_of_a_key_pair_is_none_of_a_bundle() -> None:
    assert bundle_of("n/a") == ()
    assert bundle_of("ca/c") == (), "a namespace may have this name"
