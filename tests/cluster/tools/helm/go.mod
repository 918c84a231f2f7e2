module daemun.dev/tests/cluster/helm

go 1.26.8
