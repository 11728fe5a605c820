#!/bin/sh
# Lays out what an image needs to run these programs: themselves, the libraries that they load, authorities of certificates, terminals that
# pico-top knows, a user who owns nothing.
#
#   image.sh FOLDER PROGRAM...
set -eu
[ $# -ge 2 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 64; }
folder=$1
shift
mkdir -p "$folder/usr/bin" "$folder/etc/ssl/certs" "$folder/usr/share/terminfo" "$folder/tmp"
chmod 1777 "$folder/tmp"

for program; do
  cp "$program" "$folder/usr/bin/"
  # Each line has one path: of a library, or of the loader that loads them.
  ldd "$program" | grep -o '/[^ ]*'
done | sort -u | while read -r library; do
  mkdir -p "$folder$(dirname "$library")"
  cp -L "$library" "$folder$library"
done

# Where the system has its authorities; NIOSSL looks here too.
cp -L /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
for name in x/xterm x/xterm-256color s/screen s/screen-256color t/tmux t/tmux-256color l/linux v/vt100; do
  for from in /usr/share/terminfo /lib/terminfo; do
    [ ! -e "$from/$name" ] || { mkdir -p "$folder/usr/share/terminfo/${name%/*}"; cp -L "$from/$name" "$folder/usr/share/terminfo/$name"; }
  done
done
echo 'pico:x:65532:65532::/:/usr/sbin/nologin' > "$folder/etc/passwd"
echo 'pico:x:65532:' > "$folder/etc/group"
# Names: /etc/hosts first, then DNS. What reads these is part of the C library.
echo 'hosts: files dns' > "$folder/etc/nsswitch.conf"
