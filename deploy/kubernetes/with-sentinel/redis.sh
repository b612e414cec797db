#!/bin/sh
# Starts the Redis of one pod: as the primary if the sentinels say that it is, else as a replica of
# the primary. POD is the name of the pod, DATA the folder of its volume.
#
# Nothing on the volume says who is the primary, because that may have changed in the meantime. The
# sentinels of all three pods are asked, and two must answer: two agree on each failover, and know
# the outcome within seconds. The newest answer counts: the one of the highest epoch.
set -eu

readonly SERVICE=headcount-redis
readonly SELF="$POD.$SERVICE"
readonly SENTINELS_NEEDED=2
# A name or an address that does not answer takes this long.
readonly ANSWER_SECONDS=2
readonly RETRY_SECONDS=2
# After a total outage nodes come up one after the other. A replica waits this long for a primary
# that is away, because without a replica there is no failover: the primary has every number, and a
# replica may lack the last ones.
readonly PRIMARY_SECONDS=60

main() {
    # The first process of a container ignores the signals that it does not name.
    trap 'exit 0' TERM INT
    mkdir -p "$DATA/redis"
    started=$(date +%s)
    until find_primary && may_start; do
        echo "redis waits: $reason"
        sleep "$RETRY_SECONDS"
    done
    if [ "$primary" = "$SELF" ]; then
        echo "redis starts as the primary, of epoch $epoch"
        run
    else
        echo "redis starts as a replica of $primary, of epoch $epoch"
        run --replicaof "$primary" 6379
    fi
}

# Sets `primary` and `epoch` to the newest that the sentinels know. If it fails, `reason` says why.
find_primary() {
    answers=0 epoch=-1 primary='' is_failing_over=no
    for number in 0 1 2; do
        # One word after the other: epoch, name, flags.
        # shellcheck disable=SC2046
        set -- $(ask_sentinel "$SERVICE-$number.$SERVICE")
        [ $# -eq 3 ] || continue
        answers=$((answers + 1))
        if [ "$1" -gt "$epoch" ]; then
            epoch=$1 primary=$2
        fi
        case $3 in
            *failover_in_progress*) is_failing_over=yes ;;
        esac
    done
    reason="$answers of 3 sentinels answer, $SENTINELS_NEEDED are needed"
    [ "$answers" -ge "$SENTINELS_NEEDED" ]
}

# ask_sentinel HOST: prints the epoch, the name and the flags of its primary; or nothing. An answer
# that is not the name of a pod, but an address, counts as none: nobody could tell whose it is.
ask_sentinel() {
    timeout "$ANSWER_SECONDS" redis-cli -h "$1" -p 26379 --raw SENTINEL MASTER headcount \
        2>/dev/null | awk -v service="$SERVICE" '
            NR % 2 { name = $0; next }
            { field[name] = $0 }
            END {
                epoch = field["config-epoch"]; primary = field["ip"]
                if (epoch ~ /^[0-9]+$/ && primary ~ "^" service "-[0-2]\\." service "$")
                    print epoch, primary, field["flags"]
            }'
}

# Whether this Redis may start now that the primary is known. If not, `reason` says why.
may_start() {
    # The old primary must not take writes while the sentinels are about to name another one. A
    # failover ends or is given up after `failover-timeout`, so this wait has an end.
    if [ "$is_failing_over" = yes ]; then
        reason="a failover is in progress"
        return 1
    fi
    [ "$primary" = "$SELF" ] && return
    answers_ping "$primary" && return
    reason="the primary $primary does not answer"
    [ $(($(date +%s) - started)) -ge "$PRIMARY_SECONDS" ]
}

# Any answer will do: one that loads its data refuses, but is there.
answers_ping() {
    [ -n "$(timeout "$ANSWER_SECONDS" redis-cli -h "$1" PING 2>/dev/null)" ]
}

# run OPTION...
#
# min-replicas-to-write is not set, because `wait=1` in the store's URL does more: it hands out no
# number that no replica has. The option only asks whether a replica was there some seconds ago.
run() {
    # A number is on the disk before it is handed out. The counter is never evicted: a full memory
    # refuses instead. There is no password: the NetworkPolicy lets nothing in but headcount and the
    # other pods.
    exec redis-server --dir "$DATA/redis" \
        --appendonly yes --appendfsync always \
        --maxmemory 64mb --maxmemory-policy noeviction \
        --replica-announce-ip "$SELF" \
        --protected-mode no "$@"
}

main
