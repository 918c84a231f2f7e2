"""What becomes of a path whose prefix is replaced (the table of HTTPPathModifier), by whatever does it."""

# Prefix of the match, its replacement, the path of the request, and what it becomes.
PREFIXES = [
    ("/foo", "/xyz", "/foo/bar", "/xyz/bar"),
    ("/foo", "/xyz/", "/foo/bar", "/xyz/bar"),
    ("/foo/", "/xyz", "/foo/bar", "/xyz/bar"),
    ("/foo/", "/xyz/", "/foo/bar", "/xyz/bar"),
    ("/foo", "/xyz", "/foo", "/xyz"),
    ("/foo", "/xyz", "/foo/", "/xyz/"),
    ("/foo", "", "/foo/bar", "/bar"),
    ("/foo", "", "/foo/", "/"),
    ("/foo", "", "/foo", "/"),
    ("/foo", "/", "/foo/", "/"),
    ("/foo", "/", "/foo", "/"),
    ("/foo", "/", "/foo/bar", "/bar"),
    ("/", "/xyz", "/bar", "/xyz/bar"),
    ("/", "/xyz", "/", "/xyz/"),
    ("/foo", "/a/b", "/foo/c/d/", "/a/b/c/d/"),
    ("/foo", "/", "/foo/bar/", "/bar/"),
    ("/", "/", "/bar", "/bar"),
    ("/foo.bar", "/", "/foo.bar/x", "/x"),
    ("/foo", r"/a\1$&", "/foo/x", r"/a\1$&/x"),
]
