#!/bin/sh
# Makes what a cluster needs to be private, into a folder of its own: an authority, certificates of the port and of links between nodes, a key
# pair that tokens of agents are signed with, the secrets of operators' tokens and of the nodes. For a trial, and for whoever has no authority
# and no identity provider; docs/hosting/README.md says what takes their place.
#
#   secrets.sh FOLDER NAME...      NAME: what the public certificate is for, such as pico.example.com '*.pico.example.com'
set -eu
[ $# -ge 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 64; }
umask 077
mkdir -p "$1"
cd "$1"
[ ! -e ca.key ] || { echo "$1 has secrets already" >&2; exit 65; }
shift

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

# certificate FILE NAMES USAGE: FILE.pem and FILE.key, signed by the authority.
certificate() {
  new_key "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
  printf 'subjectAltName=%s\nextendedKeyUsage=%s\nkeyUsage=digitalSignature\n' "$2" "$3" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile "$1.ext" -out "$1.pem" 2> /dev/null
  rm "$1.csr" "$1.ext"
}

new_key ca.key
openssl req -x509 -new -key ca.key -subj "/CN=Pico authority" -days 3650 -out ca.pem
names=
for name; do names="$names${names:+,}DNS:$name"; done
certificate pico "$names" serverAuth
# Every node shows the same one, to both sides; cluster.tls.server-name is the first of its names.
certificate links "DNS:pico-nodes,DNS:pico-nodes.pico.svc" serverAuth,clientAuth
openssl genpkey -algorithm ed25519 -out agents.key
openssl pkey -in agents.key -pubout -out agents.pem
openssl rand -hex 32 > admin.secret
openssl rand -hex 32 > cluster.secret
