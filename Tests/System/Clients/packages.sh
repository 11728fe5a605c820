#!/bin/bash
# Installs, upgrades, removes and purges the Debian packages, in a copy of this machine that goes away with the script: an overlay over its
# root, in memory, of which nothing reaches the machine. To be run in a mount namespace of its own (unshare --mount), as root.
#
#   packages.sh probe                       exits with 0 if such a copy can be made
#   packages.sh test OLD NEW                two folders with a pico and a pico-top package each, NEW with the higher version
set -euo pipefail

place=$(mktemp -d)
trap 'cd /; umount -R "$place" 2>/dev/null || true; rmdir "$place"' EXIT
mount -t tmpfs none "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay none -o "lowerdir=/,upperdir=$place/upper,workdir=$place/work" "$place/root"
if [ "$1" = probe ]; then [ -x "$place/root/usr/bin/dpkg" ] && [ -x "$place/root/usr/bin/apt-get" ] && exit 0; exit 1; fi

root=$place/root
mkdir -p "$root/mnt/old" "$root/mnt/new"
mount --bind "$2" "$root/mnt/old"
mount --bind "$3" "$root/mnt/new"
mount -t proc none "$root/proc"
mount --bind /dev "$root/dev"

inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive SWIFT_BACKTRACE=enable=no "$@"; }
packages() { local file; for file in "$root/mnt/$1"/*.deb; do echo "/mnt/$1/${file##*/}"; done; }
apt() { inside apt-get -qq -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root "$@"; }
# As grep -q, which would end the program before it with SIGPIPE.
has() { local text; text=$(cat); grep -q "$@" <<< "$text"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
# What of ours is on the machine, outside of what dpkg and apt write down about themselves.
ours() {
  inside find /etc /usr /lib /var /opt /srv /root -xdev \( -name '*pico' -o -name 'pico*' -o -name '_pico*' \) \
    -not -path '/var/lib/dpkg/*' -not -path '/var/cache/*' -not -path '/var/log/apt/*' -not -path '*/nano/*' 2>/dev/null | sort
}
# A machine that has packages of Pico already is none to test on.
inside dpkg -s pico >/dev/null 2>&1 && fail "pico is installed on this machine"
before=$(ours)

echo "== installs"
apt install -y --no-install-recommends $(packages old) >/dev/null
inside dpkg --verify pico pico-top | grep . && fail "files differ from the package"
inside pico --version | has '^pico [0-9]' || fail "pico --version"
inside pico-top --version | has '^pico-top [0-9]' || fail "pico-top --version"
inside pico config check server /etc/pico/server.yaml | has good || fail "the default configuration is not good"
[ "$(inside stat -c '%U:%G %a' /etc/pico)" = "root:pico 750" ] || fail "/etc/pico: $(inside stat -c '%U:%G %a' /etc/pico)"
inside getent group pico >/dev/null || fail "no group pico"
inside test ! -e /etc/systemd/system/multi-user.target.wants/pico-server.service || fail "the server is enabled by itself"
for unit in $(inside dpkg -L pico | grep '\.service$' || true); do
  echo "unit $unit"
  if inside test -x /usr/bin/systemd-analyze; then inside systemd-analyze verify "${unit/@./@web.}" || fail "$unit"; fi
done
for page in $(inside dpkg -L pico pico-top | grep '/man1/.*gz$'); do
  inside gzip -cd "$page" | has '^\.SH NAME' || fail "$page"
  if inside test -x /usr/bin/man; then
    said=$(inside man --warnings --local-file "$page" 2>&1 >/dev/null)
    [ -z "$said" ] || fail "$page: $said"
  fi
done
[ "$(inside dpkg -L pico | grep -c '/man1/pico-.*gz$')" -ge 10 ] || fail "too few manual pages"
if inside test -x /usr/bin/lintian; then
  # Of packages of a build for tests, which is not compressed and finds the toolchain's libraries where they are here.
  said=$(inside lintian --allow-root --fail-on error,warning --suppress-tags \
    uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball,custom-library-search-path $(packages old) 2>&1) || fail "lintian: $said"
fi
complete() { # what bash offers behind these words
  inside bash -c '. "/usr/share/bash-completion/completions/$1"; shift
    COMP_LINE="$*"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMP_KEY=9
    "$(complete -p "$1" | sed "s/.*-F \([^ ]*\) .*/\1/")" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf "%s\n" "${COMPREPLY[@]}"' - "$@"
}
complete pico pico sta | has -x 'status *' || fail "bash completes no command: $(complete pico pico sta)"
complete pico pico server --proxy.lis | has -x -- '--proxy.listen *' || fail "bash completes no key: $(complete pico pico server --proxy.lis)"
complete pico-top pico-top --the | has -x -- '--theme *' || fail "bash completes no flag"
for file in /usr/share/zsh/vendor-completions/_pico /usr/share/zsh/vendor-completions/_pico-top; do
  inside head -1 "$file" | has '^#compdef pico' || fail "$file"
done
inside grep -q "complete -c 'pico'" /usr/share/fish/vendor_completions.d/pico.fish || fail "fish"
for shell in zsh:/usr/share/zsh/vendor-completions/_pico fish:/usr/share/fish/vendor_completions.d/pico.fish; do
  if inside test -x "/usr/bin/${shell%%:*}"; then inside "${shell%%:*}" -n "${shell#*:}" || fail "$shell"; fi
done
inside pico-top --once --theme nord --replay /nonexistent 2>&1 | has 'no theme\|none named' && fail "themes are not found"

echo "== upgrades, and keeps what was changed"
inside sh -c 'echo "# of mine" >> /etc/pico/server.yaml; echo secret > /etc/pico/agents.pem; chgrp daemon /etc/pico/agents'
apt install -y --no-install-recommends $(packages new) >/dev/null
inside dpkg-query -W -f '${Version}\n' pico | has -- '-2$' || fail "not upgraded"
inside grep -q '# of mine' /etc/pico/server.yaml || fail "the configuration was overwritten"
[ "$(inside stat -c %G /etc/pico/agents)" = pico ] || fail "/etc/pico/agents"

echo "== removes, and keeps the configuration"
apt remove -y pico pico-top >/dev/null
inside test ! -e /usr/bin/pico || fail "/usr/bin/pico is left"
inside test ! -e /usr/share/pico || fail "/usr/share/pico is left"
inside grep -q '# of mine' /etc/pico/server.yaml || fail "the configuration is gone"

echo "== purges, and leaves nothing but what somebody else made"
apt purge -y pico pico-top >/dev/null
left=$(comm -13 <(echo "$before") <(ours))
[ "$left" = /etc/pico ] || fail "left: $left"
[ "$(inside ls /etc/pico)" = agents.pem ] || fail "/etc/pico: $(inside ls /etc/pico)"

echo "== purges all when nothing is anybody else's"
inside rm -r /etc/pico
apt install -y --no-install-recommends $(packages new) >/dev/null
apt purge -y pico pico-top >/dev/null
left=$(comm -13 <(echo "$before") <(ours))
[ -z "$left" ] || fail "left: $left"
inside getent group pico && fail "the group is left"
echo done
