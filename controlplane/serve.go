package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// serve runs etcd and kube-apiserver in one process. One process dies as a whole: after kill -9 there is no
// half of a control plane left that holds the data folder or the port.
func serve(args []string) int {
	dataDir, apiserverArgs, err := takeDataDir(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 2
	}
	store, err := openStore(dataDir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error: the store of the control plane did not start\ncause:", err)
		return 1
	}
	// A store that fails later (disk full, data folder removed) leaves an API server that answers nothing:
	// exit, so that the supervisor shows it and starts anew.
	go func() {
		if err, ok := <-store.Err(); ok {
			fmt.Fprintln(os.Stderr, "error: the store of the control plane failed\ncause:", err)
			os.Exit(1)
		}
	}()

	command := app.NewAPIServerCommand() // SIGTERM and SIGINT end Run; a second one exits at once
	command.SetArgs(append([]string{
		"--etcd-servers=" + store.endpoint,
		"--bind-address=127.0.0.1",
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--endpoint-reconciler-type=none",
	}, apiserverArgs...))
	code := cli.Run(command)
	store.Close()
	return code
}

// takeDataDir splits our one flag from those of kube-apiserver, which we do not parse.
func takeDataDir(args []string) (string, []string, error) {
	own := flag.NewFlagSet("serve", flag.ContinueOnError)
	dataDir := own.String("data-dir", "", "folder of the etcd data")
	var ours, rest []string
	for i := 0; i < len(args); i++ {
		switch {
		case strings.HasPrefix(args[i], "--data-dir="):
			ours = append(ours, args[i])
		case args[i] == "--data-dir" && i+1 < len(args):
			ours = append(ours, args[i], args[i+1])
			i++
		default:
			rest = append(rest, args[i])
		}
	}
	if err := own.Parse(ours); err != nil {
		return "", nil, err
	}
	if *dataDir == "" {
		return "", nil, fmt.Errorf("serve needs --data-dir DIR")
	}
	return *dataDir, rest, nil
}
