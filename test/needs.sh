#!/bin/sh
# Installs the Debian packages of the programs named, or of all that the tests need, where this machine lacks them. It says what it runs, and
# asks for root only if it must. A name such as python3-nova is that of a package without a program.
set -eu

missing=
for program in ${*:-brz openssl python3 ssh sshd mount mkfs.ext4 mkfs.xfs sshfs strace crontab logrotate systemd-analyze dot chromium}; do
	case $program in
	ssh) package=openssh-client ;;
	sshd) package=openssh-server ;; # the tests log in to this host, over loopback
	mkfs.ext4) package=e2fsprogs ;; # the tests of locks mount file systems of several kinds
	mkfs.xfs) package=xfsprogs ;;
	crontab) package=cron ;; # the examples are tried with the programs that they are for
	systemd-analyze) package=systemd ;;
	dot) package=graphviz ;; # reads the graphs that cdplan writes
	mariadbd) package=mariadb-server ;;
	uwsgi) package=uwsgi-core ;;
	uwsgi-plugin-* | python3-*)
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$program" 2>/dev/null)" = installed ] || missing="$missing $program"
		continue
		;;
	*) package=$program ;;
	esac
	PATH=$PATH:/usr/sbin command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done
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
# RUNLEVEL keeps daemons that are installed from being started.
# shellcheck disable=SC2086
run $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends $missing >&2
