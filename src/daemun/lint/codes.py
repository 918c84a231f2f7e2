"""The messages by their numbers, as a compiler has them. A number is never given to anything else.

`docs/messages.md` is made of this (`page`). Problems are found all over the translation, each with a word,
which is a reason of Gateway API where there is one; here a word has its number.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec


class Message(msgspec.Struct, frozen=True):
    """A kind of problem: its number and word, what it means, and what mends it."""

    number: str
    word: str
    means: str
    mend: str


_SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "D01": "What is written",
        "D02": "Gateways and listeners",
        "D03": "Routes and where they are attached",
        "D04": "References and backends",
        "D05": "Policies",
        "D06": "Certificates",
        "D07": "Gloo's classic mode",
        "D09": "Served, but likely not as it is meant",
    }
)

_TABLE = """
D0101 Invalid
    A value, a field or a file is not what its API allows. Nothing of the object is served that rests on it; its
    last good version stays.
    Mend: See the schema of the kind: `kubectl explain`, or `daemun crds`.
D0102 UnsupportedValue
    A value that the API allows is not served here, or not together with the others. The rule, listener or option
    that has it is not served; a rule answers 500.
    Mend: Use another value; the message says which are served.
D0103 NotServed
    A field of Gloo's is not served. If it guards something, requests there are answered with 500; otherwise it is
    left out.
    Mend: Remove the field. The pages below docs/gloo say what is served.
D0104 NotRead
    The object is of no account: only those of certain names or namespaces are read.
    Mend: Move it to the namespace that the message names.
D0105 Insecure
    Something secret would travel where others can read it.
    Mend: Use TLS for the address that the message names.
D0106 Unreadable
    Something in the cluster cannot be read, for want of rights or because it is too large.
    Mend: Give Daemun the right; the chart's role has all of them.
D0201 Pending
    A Gateway's class does not exist, so that nobody serves it, or its proxy has not answered yet.
    Mend: Write the class, or use `daemun`.
D0202 PortUnavailable
    A port is not free: another Gateway has it, another listener has it here, or Daemun needs it itself.
    Mend: Use another port, or other addresses.
D0203 ProtocolConflict
    Two listeners have one port with protocols that cannot share it. The first one is served.
    Mend: Give one of them another port.
D0204 HostnameConflict
    Two listeners have the same port, protocol and hostname. The first one is served.
    Mend: Give one of them another hostname.
D0205 UnsupportedProtocol
    A listener's protocol, or that of a backend's port, is not served.
    Mend: Use one that the message names.
D0206 UnsupportedAddress
    A Gateway asks for an address of a type that is not served.
    Mend: Use an IP address, or none.
D0207 AddressNotUsable
    An address that a Gateway asks for cannot be had.
    Mend: Ask for one that this machine or cluster has.
D0208 AddressNotAssigned
    A Gateway has no address yet: nothing has given its Service one.
    Mend: See whether the cluster has a load balancer, or set the Service's type.
D0209 NoResources
    What a Gateway's proxy needs could not be made in the cluster.
    Mend: The message has the API server's words.
D0210 InvalidParameters
    The parameters that a Gateway or its class refers to do not exist or are not good.
    Mend: Mend the ConfigMap or GatewayParameters.
D0211 InvalidRouteKinds
    A listener asks for kinds of routes that its protocol does not carry.
    Mend: Remove the kind from `allowedRoutes.kinds`.
D0212 ListenersNotValid
    Some listeners of a Gateway cannot be served.
    Mend: See the messages about them.
D0213 ListenersNotResolved
    Listeners refer to what cannot be had.
    Mend: See the messages about them.
D0214 NotAllowed
    A Gateway does not let ListenerSets of this namespace add listeners.
    Mend: Set `allowedListeners` of the Gateway.
D0215 ParentNotAccepted
    The Gateway that a ListenerSet belongs to does not exist or is not accepted.
    Mend: Mend the Gateway first.
D0216 ConfigurationChanged
    Clients are let in whose certificates are not checked.
    Mend: Remove `AllowInsecureFallback` if that is not meant.
D0217 ProxyTaken
    A proxy of this name is made of objects of another API (Gateway API or Gloo's classic one): it is of one at a time.
    Mend: Give one of the two another name, or remove it.
D0301 NoParents
    A route names no parent that exists, so nothing serves it.
    Mend: Name a Gateway in `parentRefs`.
D0302 NoMatchingParent
    The parent has no such listener or port, or the listener is not accepted itself.
    Mend: Correct `sectionName` and `port`, or mend the listener.
D0303 NotAllowedByListeners
    The listener does not take routes of this kind or namespace, or an older route of another kind has its hosts.
    Mend: Set `allowedRoutes` of the listener.
D0304 NoMatchingListenerHostname
    No hostname of the route fits the listener's.
    Mend: Use a hostname below the listener's.
D0305 IncompatibleFilters
    A rule asks for two things that exclude each other, such as a redirect and an answer of its own. The rule
    answers 500.
    Mend: Leave one of them.
D0306 Overtaken
    An older or more specific route of streams takes all that would come to this one.
    Mend: Remove one of them, or use another port or hostname.
D0307 Unreached
    A match of a route that others delegate to lies below none of their matches.
    Mend: Begin its path with the prefix that is delegated.
D0308 InvalidMatcher
    A match cannot be used, as its regular expression is none.
    Mend: Correct the expression (RE2).
D0309 NoProxy
    A route's parent is a Service, and no pod has the proxy that would serve it: none is in the mesh, or none gets one.
    Mend: Label the clients' Namespace `daemun.dev/mesh: enabled`, and set `mesh.enabled` of the chart.
D0401 BackendNotFound
    A reference leads to nothing: no such object, no such port, or an ExternalName. The share of its requests is
    answered with 500.
    Mend: Correct the name or the port, or write the object.
D0402 RefNotPermitted
    An object in another namespace has not granted that it is referred to.
    Mend: Write a ReferenceGrant there: `daemun check` prints it.
D0403 InvalidKind
    A reference is to a kind of object that cannot stand there.
    Mend: Use a kind that the message names.
D0404 InvalidBackendTLS
    The BackendTLSPolicy of a backend cannot be used, so nothing is sent there.
    Mend: See the message about the policy.
D0405 SecretNotFound
    A Secret does not exist, or has not what is needed.
    Mend: Write the Secret.
D0406 RegistryUnavailable
    A registry does not answer, or does not give what it is asked for. Its last good endpoints stay.
    Mend: Let it be reached, with the rights that it takes; it is asked again by itself.
D0407 IdentityUnavailable
    The authority of a mesh issues no certificate for the proxies. The last one stays; without any nothing is sent to
    pods that take no other requests.
    Mend: Let it be reached, with a token that it takes; it is asked again by itself.
D0408 NotReflected
    The gRPC services of an Upstream are to be called with JSON, and nobody has said which they are: it has no
    descriptors, and its server has not answered (gRPC server reflection). Nothing is sent there.
    Mend: Give descriptors, or a server that says it without TLS; it is asked again by itself.
D0409 FunctionsUnknown
    Nobody says which functions an Upstream has: AWS, or the server with its document, does not answer as it should.
    Those that were said last stay.
    Mend: Write the functions, or let them be asked for; that is done again by itself.
D0501 TargetNotFound
    A policy is for something that does not exist.
    Mend: Correct `targetRefs`.
D0502 Conflicted
    A policy is for the same thing as another one, which counts: it is older, or more specific.
    Mend: Put both into one, or remove one.
D0503 TooManyAncestors
    More Gateways use a policy than its status can name.
    Mend: It is served all the same.
D0504 OptionsNotFound
    Options that an object refers to do not exist.
    Mend: Correct the name, or write them.
D0505 NoServer
    A policy asks for a server that Settings do not name.
    Mend: Name the server in Settings.
D0601 InvalidCertificateRef
    A listener's certificate does not exist or cannot be served. Without any good one the listener is not served.
    Mend: Write the Secret with `tls.crt` and its `tls.key`, or renew it.
D0602 InvalidCACertificateRef
    Certificates of authorities do not exist or are none.
    Mend: Write them into `ca.crt` of the ConfigMap.
D0603 InvalidCACertificateKind
    Certificates of authorities are in a kind of object that cannot hold them.
    Mend: Use a ConfigMap.
D0604 InvalidClientCertificateRef
    The certificate that a Gateway shows to backends cannot be used.
    Mend: Write the Secret, or renew it.
D0605 NoValidCACertificate
    None of the authorities that certificates are checked with can be used, so nobody passes.
    Mend: See the messages about them.
D0701 NoGateway
    No Gateway takes a VirtualService.
    Mend: See the selectors of the Gateways, and whether they are for TLS.
D0702 RouteTableNotFound
    A RouteTable that is delegated to does not exist.
    Mend: Correct the name or the selector.
D0703 MatcherMismatch
    A route of a RouteTable lies outside of the prefix that is delegated to it, and is left out.
    Mend: Begin its path with the prefix.
D0704 DelegationCycle
    A RouteTable delegates to itself.
    Mend: Break the circle.
D0705 TooManyRoutes
    More routes come out of a delegation than are served.
    Mend: Divide it.
D0706 DomainConflict
    Two VirtualServices have the same domain on one Gateway.
    Mend: Give each domain to one of them.
D0707 SniConflict
    Two parts of a Gateway want the same connections.
    Mend: Tell them apart by their server names.
D0708 Conflict
    A part of a hybrid Gateway gets nothing, since one before it takes the same connections.
    Mend: Remove it, or change its matcher.
D0901 Shadowed
    A match gets no requests: another match, before it in Envoy's order, takes all that it would take.
    Mend: Remove one of the two, or make this one more specific.
D0902 NoRoutes
    A listener is served and no route is attached to it: whatever comes in is answered with 404.
    Mend: Attach a route, or remove the listener.
D0903 NoEndpoints
    A backend has no endpoint that is ready: its requests are answered with 503.
    Mend: See whether its pods run and its selector fits.
D0904 CertificateExpires
    A certificate that is served ends soon.
    Mend: Renew it.
D0905 PolicyLoses
    A policy changes nothing where it is attached: others have the last word in all that it says.
    Mend: Remove it, or see `daemun policy ROUTE` for who counts.
D0906 NoWeight
    A rule has backends, and none with a weight: its requests are answered with 500.
    Mend: Give one a weight.
"""


def _read(table: str) -> Iterator[Message]:
    """Each block of the table: number and word, then what it means, then what mends it."""
    for block in re.split(r"\n(?=D)", table.strip()):
        head, _, body = block.partition("\n")
        means, _, mend = " ".join(body.split()).partition(" Mend: ")
        number, _, word = head.partition(" ")
        yield Message(number, word, means, mend)


MESSAGES = tuple(_read(_TABLE))
BY_WORD: Mapping[str, Message] = MappingProxyType({one.word: one for one in MESSAGES})
BY_NUMBER: Mapping[str, Message] = MappingProxyType({one.number: one for one in MESSAGES})
OTHER = "D0000"
"""What has a word that is not known here."""


def number(word: str) -> str:
    """The number of a problem with this word."""
    found = BY_WORD.get(word)
    return found.number if found is not None else OTHER


def page() -> str:
    """docs/messages.md."""
    lines = [
        "# Messages",
        "",
        *_wrapped(
            "Each problem that `daemun check` tells of has a number that stays. `daemun check --explain D0401` says "
            "the same as this page, which is made of the table in the program (`make golden` writes it). The word "
            "beside the number is the reason in the conditions of an object's status, where it has one."
        ),
    ]
    for start, title in _SECTIONS.items():
        lines += ["", f"## {title}"]
        for one in MESSAGES:
            if one.number.startswith(start):
                lines += [
                    "",
                    f"### {one.number} {one.word}",
                    "",
                    *_wrapped(one.means),
                    "",
                    *_wrapped(f"*Mend:* {one.mend}"),
                ]
    return "\n".join(lines) + "\n"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 120, break_on_hyphens=False, break_long_words=False)
