"""No field of an AuthConfig is silent: each changes what the AuthConfig comes to, or is told of in its status."""

import copy
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from daemun.api.decode import decode
from daemun.api.gloo import auth_config
from daemun.api.gloo.auth_config import AuthConfigSpec
from daemun.base.names import Name
from daemun.gloo.auth.configs import ConfigKey, ResolvedConfig
from support.objects.auth import auth_config as document
from support.objects.auth import secret
from support.objects.cases import translation
from support.objects.documents import Doc, paths, without

KEY, ACCOUNT, CLIENT, SEAL = ({"name": name} for name in ("key", "account", "client", "seal"))
SECRETS = (
    secret("key", "apikey", {"team": "infra"}, **{"api-key": "k", "mail": "a@b"}),
    secret("account", "accountcredentials", username="reader", password="r"),  # noqa: S106 - nobody's
    secret("client", "oauth", **{"client-secret": "c"}),
    {**secret("seal", "", key="k" * 32), "type": "gloo.solo.io.EncryptionKeySecret"},
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "rego", "namespace": "default"},
        "data": {"policy.rego": "package test"},
    },
)
SESSION = {
    "failOnFetchFailure": True,
    "cipherConfig": {"keyRef": SEAL},
    "cookieOptions": {
        "maxAge": 5,
        "notSecure": True,
        "httpOnly": False,
        "path": "/a",
        "sameSite": "StrictMode",
        "domain": "example.com",
    },
}
REDIS = {
    "redis": {
        "options": {
            "host": "redis:6379",
            "db": 2,
            "poolSize": 3,
            "tlsCertMountPath": "/certs",
            "socketType": "TLS",
        },
        "keyPrefix": "k",
        "cookieName": "sid",
        "allowRefreshing": False,
        "preExpiryBuffer": "9s",
        "targetDomain": "example.com",
        "headerName": "x-sid",
    }
}
COOKIE = {"cookie": {"allowRefreshing": True, "keyPrefix": "k", "targetDomain": "example.com"}}
CLAIM = [{"claim": "email", "header": "x-email", "append": True}]
APP = {
    "clientId": "me",
    "appUrl": "https://app.example.com",
    "callbackPath": "/callback",
    "scopes": ["email"],
    "authEndpointQueryParams": {"a": "b"},
    "tokenEndpointQueryParams": {"c": "d"},
    "logoutPath": "/logout",
    "afterLogoutUrl": "https://example.com/bye",
}
OIDC = {
    **APP,
    "issuerUrl": "https://idp.example.com",
    "session": {**SESSION, **COOKIE},
    "headers": {"idTokenHeader": "x-id", "accessTokenHeader": "x-at", "useBearerSchemaForAuthorization": True},
    "discoveryOverride": {
        "authEndpoint": "https://idp.example.com/auth",
        "tokenEndpoint": "https://idp.example.com/token",
        "jwksUri": "https://idp.example.com/keys",
        "revocationEndpoint": "https://idp.example.com/revoke",
        "endSessionEndpoint": "https://idp.example.com/end",
        "idTokenAlgs": ["ES256"],
        "authMethods": ["client_secret_post"],
        "scopes": ["openid"],
        "responseTypes": ["code"],
        "subjects": ["public"],
        "claims": ["sub"],
    },
    "discoveryPollInterval": "60s",
    "parseCallbackPathAsRegex": True,
    "autoMapFromMetadata": {"namespace": "some"},
    "endSessionProperties": {"methodType": "PostMethod"},
    "dynamicMetadataFromClaims": {"who": "sub"},
    "accessToken": {"claimsToHeaders": CLAIM},
    "identityToken": {"claimsToHeaders": CLAIM},
    "jwksCacheRefreshPolicy": {"maxIdpReqPerPollingInterval": 3},
    "clientAuthentication": {"clientSecret": {"clientSecretRef": CLIENT}},
}
TOKENS = {
    "userinfoUrl": "https://idp.example.com/userinfo",
    "cacheTimeout": "1s",
    "requiredScopes": {"scope": ["email"]},
    "dynamicMetadataFromClaims": {"who": "sub"},
}
FULL: dict[str, Doc] = {
    "apr": {"basicAuth": {"realm": "here", "apr": {"users": {"ann": {"salt": "s", "hashedPassword": "h"}}}}},
    "sha1": {
        "basicAuth": {
            "encryption": {"sha1": {}},
            "userList": {"users": {"ann": {"salt": "s", "hashedPassword": "h"}}},
        }
    },
    "apr list": {
        "basicAuth": {"encryption": {"apr": {}}, "userList": {"users": {"ann": {"salt": "s", "hashedPassword": "h"}}}}
    },
    "old oauth": {
        "oauth": {
            **{name: APP[name] for name in ("clientId", "appUrl", "callbackPath", "scopes", "authEndpointQueryParams")},
            "issuerUrl": "https://idp.example.com",
            "clientSecretRef": CLIENT,
        }
    },
    "oidc": {"oauth2": {"oidcAuthorizationCode": OIDC}},
    "oidc in redis": {
        "oauth2": {
            "oidcAuthorizationCode": {
                **OIDC,
                "session": {**SESSION, **REDIS},
                "jwksCacheRefreshPolicy": {"never": {}},
                "clientAuthentication": {"privateKeyJwt": {"signingKeyRef": CLIENT, "validFor": "9s"}},
            }
        }
    },
    "oidc of old": {
        "oauth2": {
            "oidcAuthorizationCode": {
                **{name: one for name, one in OIDC.items() if name != "clientAuthentication"},
                "session": {"redis": {}},
                "sessionIdHeaderName": "x-sid",
                "clientSecretRef": CLIENT,
            }
        }
    },
    "oidc of nobody's secret": {
        "oauth2": {
            "oidcAuthorizationCode": {**OIDC, "clientAuthentication": {"clientSecret": {"disableClientSecret": True}}}
        }
    },
    "oidc of old without a secret": {
        "oauth2": {
            "oidcAuthorizationCode": {
                **{name: one for name, one in OIDC.items() if name != "clientAuthentication"},
                "disableClientSecret": True,
            }
        }
    },
    "oidc of azure": {
        "oauth2": {
            "oidcAuthorizationCode": {
                **OIDC,
                "azure": {
                    "clientId": "reader",
                    "tenantId": "example.com",
                    "clientSecret": CLIENT,
                    "claimsCachingOptions": REDIS["redis"]["options"],
                },
            }
        }
    },
    "oauth2": {
        "oauth2": {
            "oauth2": {
                **APP,
                "session": {**SESSION, **COOKIE},
                "clientSecretRef": CLIENT,
                "authEndpoint": "https://idp.example.com/auth",
                "tokenEndpoint": "https://idp.example.com/token",
                "revocationEndpoint": "https://idp.example.com/revoke",
            }
        }
    },
    "oauth2 without a secret": {
        "oauth2": {
            "oauth2": {
                **APP,
                "disableClientSecret": True,
                "authEndpoint": "https://idp.example.com/auth",
                "tokenEndpoint": "https://idp.example.com/token",
            }
        }
    },
    "introspection": {
        "oauth2": {
            "accessTokenValidation": {
                **TOKENS,
                "introspection": {
                    "introspectionUrl": "https://idp.example.com/introspect",
                    "clientId": "me",
                    "clientSecretRef": CLIENT,
                    "userIdAttributeName": "username",
                },
            }
        }
    },
    "introspection without a secret": {
        "oauth2": {
            "accessTokenValidation": {
                "introspection": {
                    "introspectionUrl": "https://idp.example.com/introspect",
                    "clientId": "me",
                    "disableClientSecret": True,
                }
            }
        }
    },
    "introspection of old": {
        "oauth2": {"accessTokenValidation": {**TOKENS, "introspectionUrl": "https://idp.example.com/introspect"}}
    },
    "remote keys": {
        "oauth2": {
            "accessTokenValidation": {
                **TOKENS,
                "jwt": {
                    "issuer": "https://idp.example.com",
                    "remoteJwks": {"url": "https://idp.example.com/keys", "refreshInterval": "9s"},
                },
            }
        }
    },
    "local keys": {"oauth2": {"accessTokenValidation": {"jwt": {"localJwks": {"inlineString": '{"keys": []}'}}}}},
    "api keys": {
        "apiKeyAuth": {
            "headerName": "x-key",
            "headersFromMetadata": {"x-a": {"name": "mail", "required": True}},
            "headersFromMetadataEntry": {"x-b": {"name": "name", "required": True}},
            "k8sSecretApikeyStorage": {"labelSelector": {"team": "infra"}},
            "skipMetadataValidation": True,
        }
    },
    "api keys that are required": {
        "apiKeyAuth": {
            "headersFromMetadata": {"x-a": {"name": "mail", "required": True}},
            "headersFromMetadataEntry": {"x-b": {"name": "name", "required": True}},
            "k8sSecretApikeyStorage": {"apiKeySecretRefs": [KEY]},
        }
    },
    "api keys of old": {"apiKeyAuth": {"apiKeySecretRefs": [KEY]}},
    "api keys of old by label": {"apiKeyAuth": {"labelSelector": {"team": "infra"}}},
    "aerospike": {"apiKeyAuth": {"aerospikeApikeyStorage": {}}},
    "plug-in": {
        "pluginAuth": {"name": "p", "pluginFileName": "p.so", "exportedSymbolName": "P", "config": {"a": 1}},
    },
    "modules": {
        "opaAuth": {
            "modules": [{"name": "rego"}],
            "query": "data.test.allow == true",
            "options": {"fastInputConversion": True, "returnDecisionReason": True},
        }
    },
    "policy server": {
        "opaServerAuth": {
            "package": "test",
            "ruleName": "rule",
            "serverAddr": "http://opa:8181",
            "options": {"fastInputConversion": True, "returnDecisionReason": True},
        }
    },
    "ldap": {
        "ldap": {
            "address": "ldap://ldap:389",
            "userDnTemplate": "uid=%s,ou=people",
            "membershipAttributeName": "isMemberOf",
            "allowedGroups": ["cn=managers"],
            "pool": {"maxSize": 7, "initialSize": 2},
            "searchFilter": "(a=*)",
            "disableGroupChecking": True,
            "groupLookupSettings": {"credentialsSecretRef": ACCOUNT, "checkGroupsWithServiceAccount": True},
        }
    },
    "jwt": {"jwt": {}},
    "grpc": {
        "passThroughAuth": {
            "grpc": {
                "address": "auth:9001",
                "connectionTimeout": "9s",
                "tlsConfig": {},
                "retryPolicy": {"numRetries": 3, "retryBackOff": {"baseInterval": "1s", "maxInterval": "3s"}},
            },
            "config": {"a": 1},
            "failureModeAllow": True,
        }
    },
    "http": {
        "passThroughAuth": {
            "http": {
                "url": "http://auth:9001",
                "connectionTimeout": "9s",
                "request": {
                    "allowedHeaders": ["a"],
                    "headersToAdd": {"b": "c"},
                    "passThroughState": True,
                    "passThroughFilterMetadata": True,
                    "passThroughBody": True,
                },
                "response": {
                    "allowedUpstreamHeaders": ["a"],
                    "allowedClientHeadersOnDenied": ["b"],
                    "readStateFromResponse": True,
                    "allowedUpstreamHeadersToOverwrite": ["c"],
                },
            },
            "config": {"a": 1},
            "failureModeAllow": True,
        }
    },
    "hmac": {"hmacAuth": {"secretRefs": {"secretRefs": [ACCOUNT]}, "parametersInHeaders": {}}},
}
DEFAULTS = {"always", "default"}
"""Fields that say what is so anyway, in words of their own."""
OVERRIDDEN = {("api keys", "required"), ("oidc in redis", "never")}
"""Fields that mean nothing beside another one, or the same as a message with nothing in it."""
NOT_LOOKED_INTO = (auth_config.AerospikeApiKeyStorage,)
"""Messages that are refused as a whole."""


def resolved(*entries: Doc, **spec: Any) -> ResolvedConfig:
    """What an AuthConfig comes to."""
    items = {}
    for one in (*SECRETS, document("who", *entries, **spec)):
        decoded = decode(one)
        assert decoded is not None
        assert decoded.value is not None, decoded.problems
        items[decoded.ref] = decoded.value
    return translation(items).auth.configs[ConfigKey(Name("default", "who"), classic=False)]


def messages(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """A message, and all that are in it."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        if kind not in NOT_LOOKED_INTO:
            for field in msgspec.structs.fields(kind):
                yield from messages(field.type)
    for inner in get_args(kind):
        yield from messages(inner)


@pytest.mark.parametrize("way", FULL)
def test_no_field_is_silent(way: str) -> None:
    whole = resolved(FULL[way])
    looked = [path for path in paths(FULL[way]) if len(path) > 1 and (way, path[-1]) not in OVERRIDDEN]
    silent = [path for path in looked if resolved(without(FULL[way], path)) == whole]
    assert not silent, f"{way}: these say nothing: {silent}"


def test_every_field_is_looked_at() -> None:
    """A field that the API gains belongs into FULL."""
    written = {str(key) for one in FULL.values() for path in paths(one) for key in path}
    wanted = {
        field.encode_name
        for kind in dict.fromkeys(messages(AuthConfigSpec))
        if kind not in (AuthConfigSpec, *NOT_LOOKED_INTO)
        for field in msgspec.structs.fields(kind)
    }
    assert wanted - written - DEFAULTS == set()


@pytest.mark.parametrize(
    ("way", "path", "name"),
    [
        ("oidc", ("headers", "idTokenHeader"), "x y"),
        ("oidc", ("headers", "accessTokenHeader"), "x:"),
        ("oidc", ("accessToken", "claimsToHeaders", 0, "header"), "é"),
        ("oidc", ("identityToken", "claimsToHeaders", 0, "header"), ""),
        ("oidc", ("identityToken", "claimsToHeaders", 0, "claim"), ""),
        ("oidc in redis", ("session", "redis", "headerName"), "x y"),
        ("oidc of old", ("sessionIdHeaderName",), "x y"),
        ("api keys", ("headerName",), "x y"),
        ("http", ("response", "allowedUpstreamHeadersToOverwrite"), ["A"]),
    ],
)
def test_what_is_no_header_is_told(way: str, path: tuple[Any, ...], name: Any) -> None:
    """At run time every request would be refused for it."""
    whole = copy.deepcopy(FULL[way])
    at: Any = next(found for found in _all(whole) if isinstance(found, dict) and path[0] in found)
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = name
    errors = resolved(whole).errors
    assert errors
    assert all(str(path[-1]) in str(one) or "claimsToHeaders" in str(one) for one in errors)


def _all(value: Any) -> Iterator[Any]:
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _all(inner)


def test_a_plug_in_is_known_by_its_own_name() -> None:
    made = resolved(FULL["plug-in"], {"jwt": {}}, booleanExpr="p && config_1")
    assert not made.errors
    assert [step.name for step in made.chain.steps] == ["p", "config_1"]


def test_how_steps_are_joined_is_not_silent() -> None:
    jwt = {"name": "a", "jwt": {}}
    assert resolved(jwt) != resolved({"jwt": {}})
    assert resolved(jwt) != resolved(jwt, booleanExpr="!a")
    assert resolved(jwt) != resolved(jwt, failOnRedirect=True)
