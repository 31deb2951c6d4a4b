#!/bin/sh
# Installs the Debian packages that the tests and the demo need and this machine lacks. It says what it runs, and asks for root only if it
# must.
set -eu

missing=
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need brz brz          # brings python3, which the tests run as well
need python3 python3
need ssh openssh-client
[ -x /usr/sbin/sshd ] || need sshd openssh-server # tests log in to this host, over loopback
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "cannot install$missing: there is no apt-get here; install them by hand" >&2
	exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null 2>&1 || {
		echo "cannot install$missing: run as root: apt-get install$missing" >&2
		exit 1
	}
	as_root=sudo
fi
run() {
	echo "+ $*" >&2
	"$@"
}
# shellcheck disable=SC2086 # the list is meant to be split
run $as_root apt-get update -q >&2
# shellcheck disable=SC2086
run $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2
