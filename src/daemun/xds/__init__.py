"""The incremental xDS protocol as a pure state machine: subscribe, ACK, NACK, order, warm-up, quarantine.

`Wanted` is what a proxy should have, `Session` one stream of it. Neither knows a clock, a socket or Envoy's messages.
"""
