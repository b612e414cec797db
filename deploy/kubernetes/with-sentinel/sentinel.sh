#!/bin/sh
# Starts the Sentinel of one pod. POD is the name of the pod, DATA the folder of its volume.
#
# Sentinel writes into its configuration what it learns: the primary, the others, the epochs. So the
# file stays on the volume, and is made only where there is none. To change a setting later, use
# `SENTINEL SET` in each of the three pods: what stands below is read only once.
set -eu

readonly SERVICE=headcount-redis
readonly CONFIG="$DATA/sentinel/sentinel.conf"

main() {
    mkdir -p "$DATA/sentinel"
    # A file without this line was cut short, by a crash at the very first start.
    if grep -qs '^sentinel monitor headcount ' "$CONFIG"; then
        echo "sentinel starts with what it has learned: $(grep '^sentinel monitor ' "$CONFIG")"
    else
        echo "sentinel starts for the first time on this volume"
        # Renamed when it is whole.
        first_config >"$CONFIG.new"
        mv "$CONFIG.new" "$CONFIG"
    fi
    exec redis-server "$CONFIG" --sentinel
}

# Names and no addresses: a pod that starts again has another address, and the same name. One on a
# new volume learns from the others if the primary is no longer pod 0.
first_config() {
    cat <<CONFIG
port 26379
dir $DATA/sentinel
protected-mode no
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $POD.$SERVICE
sentinel announce-port 26379
sentinel monitor headcount $SERVICE-0.$SERVICE 6379 2
sentinel down-after-milliseconds headcount 5000
sentinel failover-timeout headcount 10000
sentinel parallel-syncs headcount 1
CONFIG
}

main
