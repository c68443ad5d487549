# Starts one server, stays until its owner is gone, then stops the server and removes its folder.
#
#   supervisor.sh MODE OWNER STARTED STOP FOLDER COMMAND...
#
# MODE    pipe   the owner holds the other end of standard input; a line starts the server again, the end of input
#                means that the owner is gone, however it died
#         watch  the owner is the process OWNER that started at STARTED (field 22 of /proc/OWNER/stat)
#         stay   there is no owner: leave when the server ends and keep the folder
# STOP    the signal that makes the server end at once and tidily
#
# It prints the pid of the server at each start. It runs in a new session, so that Ctrl-C, a closed terminal and
# a runner that kills its process group reach the owner and not the supervisor. An owner that was killed before it read the
# pid is no reason to die of SIGPIPE either: the server would be left alone.
trap '' HUP INT QUIT TERM PIPE
mode=$1 owner=$2 started=$3 stop=$4 folder=$5
shift 5
pid=

# Sets $parent and $begun of process $1; false when it is gone or a zombie.
# Where there is no /proc, only whether it lives.
look() {
    if [ ! -r /proc/self/stat ]; then
        parent=0 begun=$started
        kill -0 "$1" 2>/dev/null
        return
    fi
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    # shellcheck disable=SC2086  # the fields are wanted as words
    set -- ${line##*) }
    parent=$2 begun=${20}
    [ "$1" != Z ] && [ "$1" != X ]
}

launch() {
    [ -z "$pid" ] || wait "$pid"
    "$@" </dev/null >>"$folder/log" 2>&1 &
    pid=$!
    if look "$pid"; then echo "$pid-$begun" >"$folder/pid"; fi
    echo "$pid"
}

if look $$; then echo "$$-$begun" >"$folder/supervisor"; fi
[ ! -f "$folder/prepare" ] || sh "$folder/prepare" </dev/null >>"$folder/log" 2>&1
launch "$@"

case $mode in
pipe) while read -r _; do launch "$@"; done ;;
watch)
    exec >/dev/null
    while look "$owner" && [ "$begun" = "$started" ]; do sleep 0.5; done
    ;;
stay)
    exec >/dev/null
    wait "$pid"
    exit
    ;;
esac

if [ "$stop" = KILL ]; then
    # It has no children and leaves nothing that its folder does not hold.
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    # The server may be a container, which is known by its name.
    [ ! -f "$folder/container" ] || docker rm --force --volumes "$(cat "$folder/container")" >/dev/null 2>&1
    # An initdb that a killed test left behind ends by itself; cut short it would leave shared memory.
    tries=0
    # shellcheck disable=SC2010  # the targets of the links are wanted, not names of files
    while ls -l /proc/[0-9]*/cwd 2>/dev/null | grep -qF " $folder/" && [ $tries -lt 300 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    cd / && rm -rf "$folder"
    exit
fi

family=$pid
for stat in /proc/[0-9]*/stat; do
    child=${stat#/proc/} child=${child%/stat}
    if look "$child" && [ "$parent" = "$pid" ]; then family="$family $child"; fi
done
# shellcheck disable=SC2086  # the pids are wanted as words
{
    kill -CONT $family
    kill -"$stop" "$pid"
    tries=0
    while look "$pid" && [ $tries -lt 150 ]; do
        tries=$((tries + 1))
        sleep 0.02
    done
    # Only now, and only if it is still there: a pid that is free may be reused.
    if look "$pid"; then kill -KILL $family; fi
    wait "$pid"
} 2>/dev/null
# A PostgreSQL that was killed and not started again leaves a System V segment; its number is the last word of line 7.
segment=$(sed -n '7s/.* //p' "$folder/data/postmaster.pid" 2>/dev/null)
[ -z "$segment" ] || ipcrm -m "$segment" 2>/dev/null
cd / && rm -rf "$folder"
