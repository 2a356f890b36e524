package main

import (
	"fmt"

	"k8s.io/component-base/version"
)

// printVersion prints the release that the server answers with. Without the -ldflags of the build it is
// v0.0.0-master, which kubectl and helm refuse: the caller can check before anything starts.
func printVersion() int {
	fmt.Println(version.Get().GitVersion)
	return 0
}
