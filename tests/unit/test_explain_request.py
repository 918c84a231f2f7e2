"""The request that is asked about: what curl would send, or a sentence that says why nothing."""

import pytest

from daemun.explain import Request, header_from, request_from


def test_a_url_becomes_a_request() -> None:
    assert request_from("GET", "http://a.test/x?q=1#part", [("X-A", " 1 ")]) == Request(
        "GET", "http", "a.test", 80, "a.test", "/x", "q=1", (("X-A", "1"),)
    )


@pytest.mark.parametrize(
    ("url", "address", "port", "host", "sni"),
    [
        ("http://a.test", "a.test", 80, "a.test", ""),
        ("http://a.test:80", "a.test", 80, "a.test", ""),
        ("http://a.test:8080", "a.test", 8080, "a.test:8080", ""),
        ("HTTPS://A.test", "A.test", 443, "A.test", "a.test"),
        ("https://a.test.", "a.test.", 443, "a.test.", "a.test"),
        ("https://a.test:443", "a.test", 443, "a.test", "a.test"),
        ("https://127.0.0.1:8443", "127.0.0.1", 8443, "127.0.0.1:8443", ""),
        ("https://[::1]:8443/", "::1", 8443, "[::1]:8443", ""),
        ("http://bücher.test/", "xn--bcher-kva.test", 80, "xn--bcher-kva.test", ""),
    ],
)
def test_where_it_goes(url: str, address: str, port: int, host: str, sni: str) -> None:
    request = request_from("GET", url)
    assert (request.address, request.port, request.host, request.sni) == (address, port, host, sni)
    assert request.path == "/"


def test_the_host_header_routes_but_does_not_connect() -> None:
    request = request_from("GET", "https://127.0.0.1:8443/", [("HOST", "a.test"), ("x-a", "1")])
    assert (request.address, request.port, request.host, request.sni) == ("127.0.0.1", 8443, "a.test", "")
    assert request.headers == (("x-a", "1"),)


def test_an_empty_query_is_not_none() -> None:
    assert request_from("GET", "http://a/x?").target == "/x?"
    assert request_from("GET", "http://a/x").target == "/x"


@pytest.mark.parametrize(
    ("method", "url", "headers", "words"),
    [
        ("G ET", "http://a/", [], "not an HTTP method"),
        ("GET", "a.test/x", [], "starts with http:// or https://"),
        ("GET", "ftp://a.test/x", [], "starts with http:// or https://"),
        ("GET", "http:///x", [], "no host"),
        ("GET", "http://:80/x", [], "no host"),
        ("GET", "http://u:p@a/", [], "Authorization"),
        ("GET", "http://a:x/", [], "not a port"),
        ("GET", "http://a:0/", [], "not a port"),
        ("GET", "http://a:65536/", [], "not a port"),
        ("GET", "http://[::g]/", [], "not an IPv6 address"),
        ("GET", "http://a/x y", [], "%20"),
        ("GET", "http://a/\n", [], "%20"),
        ("GET", "http://a/", [("x a", "1")], "not the name of a header"),
        ("GET", "http://a/", [("x-a", "1\n2")], "control character"),
        ("GET", "http://a/", [("Host", "b"), ("host", "c")], "two Host headers"),
    ],
)
def test_what_no_client_would_send(method: str, url: str, headers: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(ValueError, match=words) as found:
        request_from(method, url, headers)
    assert str(found.value).endswith(".")


def test_a_header_as_curl_has_it() -> None:
    assert header_from("X-A:  1:2 ") == ("X-A", "1:2")
    with pytest.raises(ValueError, match="'Name: value'"):
        header_from("X-A")
