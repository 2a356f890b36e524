package main

import (
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // exec and oidc credentials of a user's own kubeconfig
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

// kubectl reads os.Args in several places (plugins, kuberc, -v before any flag is parsed), so the subcommand is
// taken out of it instead of being passed along.
func kubectl(args []string) int {
	os.Args = append([]string{"kubectl"}, args...)
	if _, err := logs.GlogSetter(cmd.GetLogVerbosity(os.Args)); err != nil {
		util.CheckErr(err)
	}
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err) // prints and exits with kubectl's own code
	}
	return 0
}
