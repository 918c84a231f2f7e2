"""Names, references, durations, digests and the protobuf wire: what everything else is written with."""
