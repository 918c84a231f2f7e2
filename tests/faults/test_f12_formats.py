"""F12: credentials that were good and are broken count as they were; it is told, and ends with the next good ones."""

from support.objects.auth import api_key, auth_config, auth_policy
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import fresh

REF = {"name": "key", "namespace": "default"}


def without(held: Doc, key: str) -> Doc:
    return held | {"stringData": {name: text for name, text in held["stringData"].items() if name != key}}


async def test_f12_an_api_key_that_is_broken_counts_as_it_was() -> None:
    """Whoever wants it to count no more deletes it."""
    async with fresh() as world:
        await world.echo("a")
        held = api_key("key", "of-ann")
        world.write("key.yaml", held)
        check = {"apiKeyAuth": {"k8sSecretApikeyStorage": {"apiKeySecretRefs": [REF]}}}
        target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"}
        option = {"targetRefs": [target], "options": {"extauth": {"configRef": {"name": "who"}}}}
        world.write(
            "all.yaml",
            gateway("gw", listener(world.port)),
            route("r", rule(prefix("/gloo"), to="a")),
            route("s", rule(prefix("/own"), to="a")),
            auth_config("who", check),
            {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": {"name": "o"}, "spec": option},
            auth_policy("mine", {"kind": "HTTPRoute", "name": "s"}, apiKey={"secretRefs": [{"name": "key"}]}),
        )
        await world.start()
        for path in ("/gloo", "/own"):
            await world.answers(200, path, headers={"api-key": "of-ann"})
        world.write("key.yaml", without(held, "api-key"))
        said = "Secret default/key has no api-key, which its type extauth.solo.io/apikey asks for, so the one before"
        told = await world.problem("AuthConfig default/who", said)
        await world.problem("AuthPolicy default/mine", said)
        for path in ("/gloo", "/own"):
            assert (await world.ask(path, headers={"api-key": "of-ann"})).status == 200
            assert (await world.ask(path, headers={"api-key": "of-bob"})).status in {401, 403}
        world.write("key.yaml", api_key("key", "of-bob"))
        await world.solved(told)
        for path in ("/gloo", "/own"):
            await world.answers(200, path, headers={"api-key": "of-bob"})
            await world.answers(401, path, headers={"api-key": "of-ann"})
        (world.folder / "key.yaml").unlink()
        for path in ("/gloo", "/own"):
            await world.answers(500, path, headers={"api-key": "of-bob"})
