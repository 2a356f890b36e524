package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

// controllers runs the two controllers that custom resources rely on: the garbage collector (owner references)
// and the namespace controller (a deleted namespace empties itself). The other forty would only cost memory:
// there are no nodes and no pods here.
func controllers(args []string) int {
	command := app.NewControllerManagerCommand()
	command.SetArgs(append([]string{
		"--controllers=garbage-collector-controller,namespace-controller",
		"--leader-elect=false", // one per control plane; losing a lease would only exit it
	}, args...))
	return cli.Run(command)
}
