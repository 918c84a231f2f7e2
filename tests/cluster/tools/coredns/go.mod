module daemun.dev/tests/cluster/coredns

go 1.26.8
