//go:build tools

// Package tools names the programs of a peer that benchmarks run beside Daemun, so that go.mod pins them.
package tools

import (
	_ "github.com/envoyproxy/gateway/cmd/envoy-gateway"
)
