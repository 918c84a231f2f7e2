//go:build tools

// Package tools names Istio's control plane, so that go.mod pins it.
package tools

import (
	_ "istio.io/istio/pilot/cmd/pilot-discovery"
)
