"""Mistakes that are typical of policies about who may come in: each is told once, where it was made, and closes."""

from pathlib import Path

import pytest

from support.objects.mistakes import OPEN, Mistake, check, config, manifest, option, policy, secret, tokens

_OPTION, _HOST = "RouteOption default/o", "VirtualHostOption default/o"
_WHO, _POLICY = "AuthConfig default/who", "AuthPolicy default/p"
_KEY = secret("key", "extauth.solo.io/apikey", {"api-key": "N2YwMDIx"})
_JWKS = '{"keys": [{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}]}'
_CLIENT = secret("client", "extauth.solo.io/oauth", {"client-secret": "x"})
_OIDC = (
    'oauth2: {oidcAuthorizationCode: {clientId: me, issuerUrl: "https://idp.example.com", '
    'appUrl: "https://a.example.com", callbackPath: /c, clientSecretRef: {name: client}}}'
)
_LOGIN = 'oidc: {issuerUrl: "https://idp.example.com", clientId: me, appUrl: "https://a.example.com", callbackPath: /c}'
_PEM = "-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----"
_CODE = "spec.configs[0].oauth2.oidcAuthorizationCode"
_BEARER = "spec.configs[0].oauth2.accessTokenValidation"
_IDP = "spec.options.jwt.providers.idp.jwks"

REFERENCES = {
    "a name that nobody has": Mistake(
        option("extauth: {configRef: {name: whoo}}"),
        _OPTION,
        "spec.options.extauth.configRef",
        "AuthConfig default/whoo does not exist. So nothing passes.",
    ),
    "another namespace": Mistake(
        option("extauth: {configRef: {name: who, namespace: elsewhere}}"),
        _OPTION,
        "spec.options.extauth.configRef",
        "Write a ReferenceGrant in namespace elsewhere from RouteOption of namespace default to AuthConfig who.",
    ),
    "no name": Mistake(
        option("extauth: {configRef: {}}"),
        _OPTION,
        "spec.options.extauth.configRef",
        "names no AuthConfig, so nothing passes. Name one.",
    ),
    "what cannot be read": Mistake(
        config("basicauth: {realm: x}"),
        _OPTION,
        "spec.options.extauth.configRef",
        "AuthConfig default/who cannot be read. Mend what is told of it.",
    ),
    "a server that Settings do not name": Mistake(
        option("extauth: {customAuth: {name: nobody}}"),
        _OPTION,
        "spec.options.extauth.customAuth.name",
        "Settings name no server 'nobody' in namedExtauth",
    ),
    "a Secret of a policy in another namespace": Mistake(
        policy("apiKey: {secretRefs: [{name: key, namespace: other}]}"),
        _POLICY,
        "spec.apiKey.secretRefs[0]",
        "Write a ReferenceGrant in namespace other from AuthPolicy of namespace default to Secret key.",
    ),
}
FIELDS = {
    "a field of a step": Mistake(
        config("basicauth: {realm: x}"),
        _WHO,
        "spec.configs[0].basicauth",
        "AuthConfig has no such field. Did you mean 'basicAuth'?",
    ),
    "a field deep within": Mistake(
        config("basicAuth: {apr: {user: {}}}"),
        _WHO,
        "spec.configs[0].basicAuth.apr.user",
        "Did you mean 'users'?",
    ),
    "an option": Mistake(
        option("extAuth: {configRef: {name: who}}"), _OPTION, "spec.options.extAuth", "Did you mean 'extauth'?"
    ),
    "an option, what it closes": Mistake(
        option("extAuth: {configRef: {name: who}}"),
        _OPTION,
        "spec.options",
        "cannot be read, so nothing passes where they are in force. Mend what is told of the object.",
    ),
    "a way of a policy": Mistake(
        policy("apikey: {secretRefs: [{name: key}]}"), _POLICY, "spec.apikey", "Did you mean 'apiKey'?"
    ),
    "a claim's principal": Mistake(
        option("rbac: {policies: {p: {principals: [{jwtPrinciple: {claims: {a: b}}}]}}}"),
        _OPTION,
        "spec.options.rbac.policies.p.principals[0].jwtPrinciple",
        "Did you mean 'jwtPrincipal'?",
    ),
    "a list for a mapping": Mistake(
        config("basicAuth: {apr: {users: [ann]}}"),
        _WHO,
        "spec.configs[0].basicAuth.apr.users",
        "expected 'object', got 'array'. Write fields: NAME: VALUE.",
    ),
    "a text for a truth": Mistake(
        option('extauth: {disable: "yes"}'),
        _OPTION,
        "spec.options.extauth.disable",
        "(it is 'yes'). Write true or false, without quotes.",
    ),
    "a truth for a name": Mistake(
        policy("apiKey: {secretRefs: [{name: no}]}"),
        _POLICY,
        "spec.apiKey.secretRefs[0].name",
        "Put it into quotes: without them YAML reads no, off, yes and on as true or false.",
    ),
    "a word in another case": Mistake(
        policy("ext: {protocol: http, backendRef: {name: a, port: 80}}"),
        _POLICY,
        "spec.ext.protocol",
        "(it is 'http'). Did you mean 'HTTP'?",
    ),
    "a matcher": Mistake(
        option("rbac: {policies: {p: {principals: [{jwtPrincipal: {claims: {a: b}, matcher: REGEX}}]}}}"),
        _OPTION,
        "spec.options.rbac.policies.p.principals[0].jwtPrincipal.matcher",
        "Use EXACT_STRING, BOOLEAN or LIST_CONTAINS.",
    ),
    "a method in small letters": Mistake(
        policy("authorization: {rules: [{ipBlocks: [10.0.0.0/8], methods: [get]}]}"),
        _POLICY,
        "spec.authorization.rules[0].methods[0]",
        "is not a method (it is 'get'). Write it in capitals: GET, say.",
    ),
    "a network": Mistake(
        policy("authorization: {rules: [{ipBlocks: [10.0.0.0/33]}]}"),
        _POLICY,
        "spec.authorization.rules[0].ipBlocks[0]",
        "write an address such as 192.0.2.7, or a network such as 192.0.2.0/24",
    ),
    "a version": Mistake(
        policy("apiKey: {secretRefs: [{name: key}]}").replace("v1alpha1", "v1"), _POLICY, "apiVersion", "Use v1alpha1."
    ),
    "an expression that names no step": Mistake(
        config("name: a, jwt: {}", booleanExpr="a || b"), _WHO, "spec.booleanExpr", "there is no b at character 6"
    ),
    "an origin that is no expression": Mistake(
        option("cors: {allowOriginRegex: ['*.example.com']}"),
        _OPTION,
        "spec.options.cors.allowOriginRegex[0]",
        "'*.example.com' is not an RE2 expression: no argument for repetition operator: *",
    ),
    "two ways": Mistake(
        policy("apiKey: {secretRefs: [{name: key}]}\nbasicAuth: {secretRef: {name: key}}"),
        _POLICY,
        "spec",
        "basicAuth and apiKey exclude each other",
    ),
    "no way": Mistake(
        policy("{}").replace("\n  {}", ""), _POLICY, "spec", "asks for nothing: set jwt, authorization or"
    ),
}
SECRETS = {
    "none of this name": Mistake(
        config("apiKeyAuth: {apiKeySecretRefs: [{name: nowhere}]}"),
        _WHO,
        "spec.configs[0].apiKeyAuth.apiKeySecretRefs[0]",
        "Secret default/nowhere does not exist",
    ),
    "without its key": Mistake(
        config("apiKeyAuth: {apiKeySecretRefs: [{name: key}]}")
        + secret("key", "extauth.solo.io/apikey", {"other": "x"}),
        _WHO,
        "spec.configs[0].apiKeyAuth.apiKeySecretRefs[0]",
        "Secret default/key has no api-key, which its type extauth.solo.io/apikey asks for",
    ),
    "of another type": Mistake(
        config("apiKeyAuth: {apiKeySecretRefs: [{name: key}]}") + secret("key", "kubernetes.io/tls", {"other": "x"}),
        _WHO,
        "spec.configs[0].apiKeyAuth.apiKeySecretRefs[0]",
        "which has the type extauth.solo.io/apikey, and api-key",
    ),
    "of a client, without its key": Mistake(
        config(_OIDC) + secret("client", "extauth.solo.io/oauth", {"secret": "x"}),
        _WHO,
        f"{_CODE}.clientSecretRef",
        "Secret default/client has no client-secret",
    ),
    "of accounts, without a password": Mistake(
        config("hmacAuth: {secretRefs: {secretRefs: [{name: ann}]}, parametersInHeaders: {}}")
        + secret("ann", "extauth.solo.io/accountcredentials", {"username": "ann"}),
        _WHO,
        "spec.configs[0].hmacAuth.secretRefs.secretRefs[0]",
        "Secret default/ann has no password",
    ),
    "of users, without its file": Mistake(
        policy("basicAuth: {secretRef: {name: users}}") + secret("users", "Opaque", {"auth": "x"}),
        _POLICY,
        "spec.basicAuth.secretRef",
        "Secret default/users has nothing below .htpasswd",
    ),
    "of users, with a password as it is": Mistake(
        policy("basicAuth: {secretRef: {name: users}}") + secret("users", "Opaque", {".htpasswd": "ann:secret"}),
        _POLICY,
        "spec.basicAuth.secretRef",
        "entry 1 is not a name with a password in SHA-1, APR1 or bcrypt",
    ),
    "that is no base64": Mistake(
        config("apiKeyAuth: {apiKeySecretRefs: [{name: key}]}") + _KEY.replace("stringData", "data").replace("N2", "%"),
        "Secret default/key",
        "data.api-key",
        "Encode it with base64; a Secret also takes it as it is, below stringData.",
    ),
}
PROVIDERS = {
    "an issuer without https": Mistake(
        config(_OIDC.replace("https://idp", "idp")) + _CLIENT,
        _WHO,
        f"{_CODE}.issuerUrl",
        "is not a URL of http or https. Write one.",
    ),
    "an application without https": Mistake(
        config(_OIDC.replace("https://a.", "a.")) + _CLIENT, _WHO, f"{_CODE}.appUrl", "is not a URL of http or https"
    ),
    "no place to come back to": Mistake(
        config(_OIDC.replace(", callbackPath: /c", "")) + _CLIENT,
        _WHO,
        f"{_CODE}.callbackPath",
        "is empty. Name a path that the application does not use.",
    ),
    "an issuer of a policy without https": Mistake(
        policy(_LOGIN.replace("https://idp", "idp")),
        _POLICY,
        "spec.oidc.issuerUrl",
        "(it is 'idp.example.com'). Write one: https://idp.example.com, say.",
    ),
    "a place to ask about tokens": Mistake(
        config("oauth2: {accessTokenValidation: {introspectionUrl: idp}}"),
        _WHO,
        f"{_BEARER}.introspectionUrl",
        "is not a URL of http or https",
    ),
    "no keys for tokens that are signed": Mistake(
        config("oauth2: {accessTokenValidation: {jwt: {issuer: x}}}"),
        _WHO,
        f"{_BEARER}.jwt",
        "says of no keys where they are. Set remoteJwks.url or localJwks.",
    ),
    "keys for tokens that are signed, which are none": Mistake(
        config("oauth2: {accessTokenValidation: {jwt: {issuer: x, localJwks: {inlineString: nothing}}}}"),
        _WHO,
        f"{_BEARER}.jwt.localJwks.inlineString",
        'is not a JWKS. Write one: {"keys": [...]}.',
    ),
    "a JWKS that is not JSON": Mistake(
        tokens("""issuer: i, jwks: {local: {key: '{"keys": ['}}"""),
        _HOST,
        f"{_IDP}.local.key",
        "is neither a JWKS with a key that tokens are verified by, nor a public key in PEM. Write one.",
    ),
    "a key in PEM that is damaged": Mistake(
        tokens(f'issuer: i, jwks: {{local: {{key: "{_PEM}"}}}}'), _HOST, f"{_IDP}.local.key", "nor a public key in PEM"
    ),
    "an algorithm that nobody knows": Mistake(
        tokens(f"issuer: i, jwks: {{local: {{key: '{_JWKS.replace('HS256', 'HS999')}'}}}}"),
        _HOST,
        f"{_IDP}.local.key",
        "is neither a JWKS with a key that tokens are verified by",
    ),
    "no keys": Mistake(tokens("issuer: i"), _HOST, _IDP, "Set local.key, or remote.url and remote.upstreamRef."),
    "no provider": Mistake(
        option("jwt: {}", "VirtualHostOption", "Gateway, name: gate"),
        _HOST,
        "spec.options.jwt.providers",
        "is empty, so that no token could be taken. Name who issues tokens.",
    ),
    "a policy's JWKS": Mistake(
        policy("jwt: {providers: [{name: idp, issuer: i, jwks: {inline: nothing}}]}"),
        _POLICY,
        "spec.jwt.providers[0].jwks",
        "is neither a JWKS",
    ),
    "a rule for a provider that is not there": Mistake(
        policy(
            f"jwt: {{providers: [{{name: idp, issuer: i, jwks: {{inline: '{_JWKS}'}}}}]}}\n"
            "authorization: {rules: [{claims: {a: b}, provider: other}]}"
        ),
        _POLICY,
        "spec.authorization.rules[0].provider",
        "there is no other in jwt.providers, which has idp",
    ),
    "claims without tokens": Mistake(
        policy("authorization: {rules: [{claims: {a: b}}]}"),
        _POLICY,
        "spec.authorization.rules[0].claims",
        "are of tokens, so it needs jwt in the same policy",
    ),
}
SERVERS = {
    "a directory": Mistake(
        config('ldap: {address: "http://ldap", userDnTemplate: "uid=%s"}'),
        _WHO,
        "spec.configs[0].ldap.address",
        "is not the address of a directory. Write ldap://HOST:PORT, or ldaps://HOST:PORT.",
    ),
    "a name in a directory": Mistake(
        config('ldap: {address: "ldap://ldap", userDnTemplate: uid=ann}'),
        _WHO,
        "spec.configs[0].ldap.userDnTemplate",
        "does not have %s just once. Write uid=%s,ou=people, and so on.",
    ),
    "modules in Rego": Mistake(
        config("opaAuth: {modules: [{name: rego}], query: data.x.allow}"),
        _WHO,
        "spec.configs[0].opaAuth.modules[0]",
        "ConfigMap default/rego does not exist",
    ),
    "another server": Mistake(
        config('passThroughAuth: {http: {url: "auth:8080"}}'),
        _WHO,
        "spec.configs[0].passThroughAuth.http.url",
        "is not a URL of http or https",
    ),
    "a port that is not said": Mistake(
        policy("ext: {protocol: HTTP, backendRef: {name: a}}"),
        _POLICY,
        "spec.ext.backendRef",
        "says no port of Service default/a (it has 80/TCP)",
    ),
    "the server of Settings": Mistake(
        option("extauth: {customAuth: {}}")
        + manifest(
            "gloo.solo.io/v1",
            "Settings",
            "default, namespace: gloo-system",
            "extauth: {extauthzServerRef: {name: no-one}}",
        ),
        "Settings gloo-system/default",
        "spec.extauth.extauthzServerRef",
        "Upstream gloo-system/no-one does not exist",
    ),
}
TARGETS = {
    "none of this name": Mistake(
        policy("apiKey: {secretRefs: [{name: key}]}", target="kind: HTTPRoute, name: rr") + _KEY,
        _POLICY,
        "spec.targetRefs[0]",
        "HTTPRoute default/rr does not exist",
        OPEN,
    ),
    "none of this section": Mistake(
        policy("apiKey: {secretRefs: [{name: key}]}", target="kind: HTTPRoute, name: r, sectionName: al") + _KEY,
        _POLICY,
        "spec.targetRefs[0].sectionName",
        "HTTPRoute default/r has nothing named al",
        OPEN,
    ),
    "of a kind that it is not for": Mistake(
        policy("apiKey: {secretRefs: [{name: key}]}", target="kind: Service, name: a") + _KEY,
        _POLICY,
        "spec.targetRefs[0].kind",
        "Use Gateway, ListenerSet, HTTPRoute or GRPCRoute.",
        OPEN,
    ),
    "an option without a group": Mistake(
        option("extauth: {configRef: {name: who}}").replace("group: gateway.networking.k8s.io, ", ""),
        _OPTION,
        "spec.targetRefs[0]",
        "RouteOptions are not for HTTPRoute of group ''. They are for HTTPRoute and GRPCRoute.",
        OPEN,
    ),
    "two for one": Mistake(
        policy("basicAuth: {secretRef: {name: nowhere}}") + policy("apiKey: {secretRefs: [{name: key}]}", "q") + _KEY,
        "AuthPolicy default/q",
        "spec.targetRefs[0]",
        "AuthPolicy default/p is for the same, and older or first by name",
    ),
}
ALL = {"REFERENCES": REFERENCES, "FIELDS": FIELDS, "SECRETS": SECRETS}
ALL |= {"PROVIDERS": PROVIDERS, "SERVERS": SERVERS, "TARGETS": TARGETS}


@pytest.mark.parametrize(("group", "name"), [(group, name) for group, all_of in ALL.items() for name in all_of])
def test_what_is_told(tmp_path: Path, group: str, name: str) -> None:
    check(tmp_path, ALL[group][name])
