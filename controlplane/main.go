// Command sequence-controlplane is a Kubernetes control plane in one file: kube-apiserver with its own etcd,
// the two controllers that custom resources need, and kubectl.
//
// It exists so that `sequence up` and the tests run against the real API server (CEL, server-side apply, RBAC,
// watch) on a machine that has no cluster and no container runtime.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const usage = `sequence-controlplane: a local Kubernetes control plane in one binary

  serve --data-dir DIR [kube-apiserver flags]   kube-apiserver with an embedded etcd
  controllers [kube-controller-manager flags]   garbage collector and namespace controller
  kubectl [arguments]                           kubectl (also when this file is called "kubectl")
  version                                       the Kubernetes version it serves
`

func main() {
	if strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe") == "kubectl" {
		os.Exit(kubectl(os.Args[1:]))
	}
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	rest := os.Args[2:]
	switch os.Args[1] {
	case "serve":
		os.Exit(serve(rest))
	case "controllers":
		os.Exit(controllers(rest))
	case "kubectl":
		os.Exit(kubectl(rest))
	case "version":
		os.Exit(printVersion())
	case "help", "-h", "--help":
		fmt.Print(usage)
	default:
		fmt.Fprintf(os.Stderr, "error: unknown command %q\n\n%s", os.Args[1], usage)
		os.Exit(2)
	}
}
