package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// store is a one-member etcd inside this process, reachable over a unix socket in its own folder only.
type store struct {
	*embed.Etcd
	endpoint string
}

// openStore starts etcd on dataDir (created, mode 0700) and returns once it serves. Every write is fsync'd.
//
// The process changes into the folder: a unix socket's path may have 107 bytes, and state folders are deeper.
func openStore(dataDir string) (*store, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chdir(dataDir); err != nil {
		return nil, err
	}
	socket := url.URL{Scheme: "unix", Host: "client.sock"}
	cfg := embed.NewConfig()
	cfg.Name = "local"
	cfg.Dir = "etcd"
	cfg.ListenClientUrls = []url.URL{socket}
	// One member has nobody to talk to: it listens for no peers. What it advertises must be host:port and is only
	// its name in its own member list.
	cfg.ListenPeerUrls = nil
	cfg.AdvertiseClientUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:2379"}}
	cfg.AdvertisePeerUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:2380"}}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.LogLevel = "error"
	cfg.LogOutputs = []string{"stderr"}

	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return &store{Etcd: etcd, endpoint: socket.String()}, nil
	case err := <-etcd.Err():
		etcd.Close()
		return nil, err
	case <-etcd.Server.StopNotify():
		etcd.Close()
		return nil, errors.New("etcd stopped while it was starting")
	case <-time.After(time.Minute):
		etcd.Close()
		return nil, fmt.Errorf("etcd was not ready after a minute on %s", dataDir)
	}
}
