//go:build tools

// Package tools names the programs of the test cluster, so that go.mod pins them.
package tools

import (
	_ "github.com/envoyproxy/ratelimit/src/service_cmd"
)
