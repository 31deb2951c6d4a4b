# Processes that outlive the script that starts them, for the scripts beside this file. It is read, not run. A process is known by its pid and the
# moment it began, which the file $home/run/NAME holds: the kernel gives a pid to somebody else one day.
# shellcheck shell=bash disable=SC2154 # settings.sh has the variables

say() { printf '%3d s  %s\n' "$SECONDS" "$*" >&2; }

die() {
	printf 'cannot %s\n' "$*" >&2
	exit 1
}

# only_one waits until no other of these scripts runs. What they start must not inherit the lock.
only_one() {
	mkdir -p "$home"
	chmod 700 "$home"
	exec 9>"$home/lock"
	flock 9
}

# began PID: when the process began, in the kernel's own count.
began() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# alive NAME
alive() {
	local pid at
	read -r pid at 2>/dev/null <"$home/run/$1" && [ -n "$at" ] && [ "$(began "$pid")" = "$at" ]
}

# start NAME COMMAND...: unless it runs, in a session of its own.
start() {
	local name=$1
	shift
	alive "$name" && return
	setsid "$@" >"$home/log/$name.log" 2>&1 </dev/null 9>&- &
	echo "$! $(began $!)" >"$home/run/$name"
}

# stop NAME: asks it to end, and ends it and its children if it does not in ten seconds.
stop() {
	local pid at
	if alive "$1"; then
		read -r pid at <"$home/run/$1"
		kill -TERM "$pid"
		within 10 ended "$1" || kill -KILL -- "-$pid"
		within 10 ended "$1" || die "end $1, pid $pid"
	fi
	rm -f "$home/run/$1"
}

ended() { ! alive "$1"; }

# within SECONDS COMMAND...: says false if the command does not succeed in that time.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# await NAME SECONDS COMMAND...: until the command says that the process is ready.
await() {
	local name=$1 limit=$2
	shift 2
	{ within "$limit" ready_or_ended "$name" "$@" && alive "$name"; } || die "start $name in $limit s: see $home/log/$name.log"
}

ready_or_ended() {
	local name=$1
	shift
	"$@" || ended "$name"
}

# listens PORT
listens() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

answers() { curl -s -o /dev/null --max-time 60 "http://127.0.0.1:$1/"; }

# all_run says whether all is up.
all_run() {
	[ -e "$home/ready" ] && all_alive && answers "$keystone_port" && answers "$nova_port"
}

all_alive() {
	local file
	for file in "$home"/run/*; do alive "$(basename "$file")" || return 1; done
}
