"""As much of LDAP (RFC 4511) as it takes to ask a directory who somebody is: bind, search, unbind.

It is written here and not taken from a library because there is none that is both kept and waits without a thread: what
is needed is three messages, and whatever comes from a request is a value in them, never text that is parsed.
"""
