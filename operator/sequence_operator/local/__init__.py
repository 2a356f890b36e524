"""The local stack: a real kube-apiserver, paper and operator on this machine's loopback."""
