//go:build tools

// Package tools names the programs that the mesh tests of the conformance suite run in their pods, so that go.mod pins
// them.
package tools

import (
	_ "istio.io/istio/pkg/test/echo/cmd/client"
	_ "istio.io/istio/pkg/test/echo/cmd/server"
)
