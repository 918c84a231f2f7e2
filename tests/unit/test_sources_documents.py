"""A file's documents, each on its own."""

from daemun.base.names import Ref
from daemun.sources import documents
from daemun.sources.documents import Spot


def service(name: str, port: object = 80) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec:\n  ports:\n  - port: {port}\n"


def ref(name: str) -> Ref:
    return Ref("", "Service", "default", name)


def refs(spots: tuple[Spot, ...]) -> list[Ref | None]:
    return [item.ref for spot in spots for item in spot.chunk.items if item.value is not None]


def read(text: str | bytes, before: tuple[Spot, ...] = (), name: str = "x.yaml") -> tuple[Spot, ...]:
    return documents.read(name, text.encode() if isinstance(text, str) else text, before)


def test_documents_are_cut_at_markers() -> None:
    text = f"# head\n---\n{service('a')}--- # b\n{service('b')}---\n---\n{service('c')}...\n"
    spots = read(text)
    assert refs(spots) == [ref("a"), ref("b"), ref("c")]
    assert [spot.line for spot in spots] == [1, 8, 16]
    assert all(text.encode()[spot.offset : spot.offset + spot.size].startswith(b"---") for spot in spots)


def test_a_marker_in_a_block_scalar_is_not_one() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: |\n    ---\n    y\n"
    assert len(read(text)) == 1


def test_several_documents_without_markers_and_directives() -> None:
    assert read(f"{service('a')}...\n{service('b')}")[0].chunk.broken  # YAML 1.1 wants the marker
    assert refs(read(f"%YAML 1.1\n# x\n---\n{service('a')}---\n{service('b')}")) == [ref("a"), ref("b")]
    assert refs(read("\ufeff" + service("a"))) == [ref("a")]
    assert refs(read(service("a").replace("\n", "\r\n"))) == [ref("a")]


def test_a_broken_document_breaks_only_itself() -> None:
    spots = read(f"{service('a')}---\n{service('b')}  : [\n---\n{service('c')}")
    assert refs(spots) == [ref("a"), ref("c")]
    assert [spot.chunk.broken for spot in spots] == [False, True, False]
    assert [finding.line for finding in spots[1].chunk.findings]


def test_only_changed_documents_are_parsed_again() -> None:
    before = read(f"{service('a')}---\n{service('b')}---\n{service('c')}")
    after = read(f"{service('a')}---\n{service('b', 81)}---\n{service('c')}", before)
    assert [old.chunk is new.chunk for old, new in zip(before, after, strict=True)] == [True, False, True]


def test_lists_are_flattened() -> None:
    indented = "".join(f"  {line}\n" for line in service("a", "x").splitlines())
    spots = read(f"apiVersion: v1\nkind: List\nitems:\n-{indented[1:]}- {{apiVersion: v1, kind: List, items: []}}\n")
    (spot,) = spots
    (item,) = spot.chunk.items
    assert (item.ref, item.value, item.within, item.line) == (ref("a"), None, "items[0]", 3)
    (finding,) = spot.chunk.findings
    assert finding.line == 8
    assert finding.where == "spec.ports[0].port"


def test_items_of_typed_lists_need_not_repeat_their_kind() -> None:
    spots = read("apiVersion: v1\nkind: ServiceList\nitems:\n- metadata: {name: a}\n  spec: {ports: [{port: 1}]}\n")
    assert refs(spots) == [ref("a")]


def test_json() -> None:
    text = '{"apiVersion": "v1", "kind": "Service",\n "metadata": {"name": "a"},\n "spec": {"ports": [{"port": "x"}]}}'
    (spot,) = read(text, name="x.json")
    assert spot.chunk.findings[0].line == 2
    assert read(b"", name="x.json") == ()
    assert read(b"{", name="x.json")[0].chunk.broken


def test_what_is_not_an_object() -> None:
    assert read("replicas: 3\nimage: x")[0].chunk.findings[0].warning
    assert not read("kind: Service\nmetadata: {name: x}")[0].chunk.findings[0].warning
    assert "UTF-8" in read(service("a").encode() + b"# \xff")[0].chunk.findings[0].text
    assert read("apiVersion: example.com/v1\nkind: Other\nmetadata: {name: x}")[0].chunk.items[0].unknown


def test_the_aliases_of_all_documents_together_are_bounded() -> None:
    many = "".join(f"---\na: &a {'x' * 30_000}\nb: [{'*a,' * 130}]\n" for _ in range(8))
    spots = read(many)
    refused = ["aliases" in finding.text for spot in spots for finding in spot.chunk.findings]
    assert refused[:4] == [False] * 4
    assert refused[-1]
    assert [spot.chunk.broken for spot in read(many, spots)] == [spot.chunk.broken for spot in spots]


def test_secrets_are_not_kept() -> None:
    text = f"{service('a')}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\ndata: {{a: aGk=}}\n"
    kept = [spot.chunk.items[0].document for spot in documents.read("x.yaml", text.encode(), (), keep=True)]
    assert kept[0] is not None
    assert kept[1] is None
