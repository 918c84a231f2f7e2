#!/bin/sh
# The certificates of the tiers, as manifests: an authority for this trial, and what it says of the front and each shard.
# The authority's own key is thrown away. In earnest they come from where yours come from, such as cert-manager or Vault.
set -eu
cd "$(mktemp -d)"
exec 3>&2 2> openssl.log
trap '[ $? = 0 ] || cat openssl.log >&3; rm -r "$PWD"' EXIT
key="ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 -newkey $key -days 60 -keyout ca.key -out ca.crt -subj /CN=tiers
pair() { # NAME USE
  openssl req -newkey $key -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
  printf 'subjectAltName=DNS:%s.tiers.internal\nextendedKeyUsage=%s\n' "$1" "$2" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 60 -extfile "$1.ext" -out "$1.crt"
}
secret() { # NAMESPACE NAME PAIR
  cat << END
apiVersion: v1
kind: Secret
metadata: {name: $2, namespace: $1}
type: kubernetes.io/tls
data: {tls.crt: $(base64 -w0 "$3.crt"), tls.key: $(base64 -w0 "$3.key")}
---
END
}
pair front clientAuth
secret ingress front front
for shard in red blue; do
  pair $shard serverAuth
  secret $shard shard $shard
  cat << END
apiVersion: v1
kind: ConfigMap
metadata: {name: tiers, namespace: $shard}
binaryData: {ca.crt: $(base64 -w0 ca.crt)}
---
END
done
