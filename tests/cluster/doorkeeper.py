"""A server of authorization as somebody may have written it: over gRPC at port 9001, over HTTP at 9002.

Who says the word may come in. Tests run it in pods, by this file alone, with the packages of Daemun's image.
"""

from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from envoy.service.auth.v3 import external_auth_pb2

WORD = "friend"
_REFUSED = 7  # gRPC's PERMISSION_DENIED


def check(request: external_auth_pb2.CheckRequest, _: object) -> external_auth_pb2.CheckResponse:
    """Whether it may pass, and as whom: the level of who asked us, or the plan that a step passes along."""
    asked, answer = request.attributes, external_auth_pb2.CheckResponse()
    if asked.request.http.headers.get("x-word") != WORD:
        answer.status.code = _REFUSED
        answer.denied_response.status.code = 403
        answer.denied_response.body = "say the word\n"
        return answer
    passed = asked.metadata_context.filter_metadata
    plan = passed.get("solo.auth.passthrough.config", {})
    header = answer.ok_response.headers.add()
    header.header.key = "x-user"
    header.header.value = asked.context_extensions.get("level", "") or str(plan["plan"])
    return answer


class Http(BaseHTTPRequestHandler):
    """The same, of who is asked for below /check."""

    def do_GET(self) -> None:
        good = self.path.startswith("/check/") and self.headers.get("authorization") == WORD
        self.send_response(200 if good else 401)
        self.send_header("content-length", "0")
        self.send_header(*(("x-user", "of-http") if good else ("www-authenticate", "Word")))
        self.end_headers()


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(4))
    handler = grpc.unary_unary_rpc_method_handler(
        check, external_auth_pb2.CheckRequest.FromString, external_auth_pb2.CheckResponse.SerializeToString
    )
    service = grpc.method_handlers_generic_handler("envoy.service.auth.v3.Authorization", {"Check": handler})
    server.add_generic_rpc_handlers([service])
    server.add_insecure_port("0.0.0.0:9001")
    server.start()
    ThreadingHTTPServer(("", 9002), Http).serve_forever()


if __name__ == "__main__":
    main()
