#!/bin/sh
# Shows cdplan at work on a fleet of five services: real Bazaar branches, a stand-in for OpenStack and a stand-in for mojo, all below one
# directory. Needs brz, and on PATH or in $BIN: cdplan and the stand-ins "nova" and "mojo".
#
#   demo.sh [DIRECTORY]     the default is a new directory below the one for temporary files
#
# The fleet and its cloud are left for you to go on with, unless DEMO_ONCE is set.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${BIN:-$here/../../bin}" && pwd)
demo=${1:-$(mktemp -d "${TMPDIR:-/tmp}/cdplan-demo.XXXXXX")}
mkdir -p "$demo"
demo=$(cd "$demo" && pwd)

PATH=$bin:$PATH
BRZ_EMAIL='Ann Example <ann@example.com>'
BRZ_HOME=$demo/home BRZ_LOG=/dev/null XDG_CACHE_HOME=$demo/cache
BZR_EMAIL=$BRZ_EMAIL
CDPLAN_ROOT=$demo/LOCAL CDPLAN_STATE=$demo/state CDPLAN_IN_AUTOMATION=demo
OS_CLIENT_CONFIG_FILE=$demo/clouds.yaml OS_CLOUD=demo
export PATH XDG_CACHE_HOME BRZ_EMAIL BRZ_HOME BRZ_LOG BZR_EMAIL CDPLAN_ROOT CDPLAN_STATE CDPLAN_IN_AUTOMATION OS_CLIENT_CONFIG_FILE OS_CLOUD

say() { printf '\n== %s\n' "$*"; }

# run prints a command before its output. A plan is often followed by a failure that the story wants, so the exit code is printed as well.
run() {
	printf '\n$ %s\n' "$*"
	code=0
	"$@" || code=$?
	[ "$code" -eq 0 ] || printf '(exit code %d)\n' "$code"
}

# new_branch makes a branch of a directory.
new_branch() {
	brz init -q "$1"
	(cd "$1" && brz add -q && brz commit -q -m "$2")
}

make_fleet() {
	mkdir -p "$BRZ_HOME" "$CDPLAN_ROOT" "$demo/branches/apps"
	cp -R "$here/specs" "$demo/branches/specs"
	for service in "$here"/services/*; do
		name=$(basename "$service")
		mkdir "$CDPLAN_ROOT/$name" "$demo/branches/apps/$name"
		sed "s|^base = .*|base = $demo/branches|" "$service/config.ini" >"$CDPLAN_ROOT/$name/config.ini"
		echo "print('$name')" >"$demo/branches/apps/$name/main.py"
		new_branch "$CDPLAN_ROOT/$name" "Configuration of $name"
		new_branch "$demo/branches/specs/$name" "How to deploy $name"
		new_branch "$demo/branches/apps/$name" "First version of $name"
	done
}

start_cloud() {
	nova -clouds "$demo/clouds.yaml" -ready "$demo/nova.url" -state "$demo/nova.json" -boot 200ms >"$demo/nova.log" 2>&1 &
	cloud=$!
	echo "$cloud" >"$demo/nova.pid"
	[ -z "${DEMO_ONCE:-}" ] || trap 'kill "$cloud"; wait "$cloud" || :; rm -r "$demo"' EXIT # it saves its state before it ends
	while [ ! -s "$demo/nova.url" ]; do
		kill -0 "$cloud" || { cat "$demo/nova.log" >&2; exit 1; }
		sleep 0.1
	done
}

# set_workers changes the configuration of a service in its branch.
set_workers() {
	sed -i "s/^WORKERS = .*/WORKERS = $2/" "$CDPLAN_ROOT/$1/config.ini"
	run brz commit -q -m "$3" "$CDPLAN_ROOT/$1"
}

say "Five services, each a Bazaar branch with a config.ini, below $CDPLAN_ROOT"
make_fleet
start_cloud
run cat "$CDPLAN_ROOT/web/config.ini"

say "Nothing runs yet, so everything is new"
run cdplan plan

say "Apply it: each service waits for those that it comes after"
run cdplan apply -auto

say "Now all is as the branches say"
run cdplan plan
run cdplan list

say "A commit to the configuration of a service is all it takes to deploy it. The plan, for a review:"
set_workers web 6 "More workers for the autumn"
run cdplan plan -format=review

say "What was approved is applied, and nothing else"
run cdplan apply -expect "$(cdplan plan -json | sed -n 's/^  "fingerprint": "\(.\{12\}\).*/\1/p')"

say "A bad commit: api does not start with it. What comes after api is not touched"
set_workers api many "As many workers as it takes"
echo "print('web, faster')" >"$demo/branches/apps/web/main.py"
run brz commit -q -m "Serve pages from memory" "$demo/branches/apps/web"
run cdplan apply -auto

say "A few minutes later nothing is tried again, and nothing is said: it would fail once more"
run cdplan apply -auto
run cdplan status

say "Undo it the same way, by a commit. What is new is tried at once"
run cdplan undo api -commit
run cdplan apply -auto

say "What was deployed from this host, and how it ended"
run cdplan history

[ -z "${DEMO_ONCE:-}" ] || exit 0
cat <<END

== Go on by hand
The fleet is in $demo. To look around in this shell:

  export PATH=$bin:\$PATH CDPLAN_ROOT=$CDPLAN_ROOT CDPLAN_STATE=$CDPLAN_STATE \\
    OS_CLIENT_CONFIG_FILE=$OS_CLIENT_CONFIG_FILE OS_CLOUD=$OS_CLOUD BRZ_EMAIL='$BRZ_EMAIL'

Change a config.ini, commit it, and run: cdplan plan, cdplan apply, cdplan list.
When you are done: kill \$(cat $demo/nova.pid) && sleep 1 && rm -r $demo
END
