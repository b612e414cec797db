# The scale table of bench.sh, which sources it after bench/tools.sh: how many script calls one
# Redis sees, and how many requests it serves, with 1 to 64 reactors and 1 to 4,096 connections.
#
# A cell is a set of headcounts of its own with a counter of its own. More than 8 reactors are
# several processes, as they would be on several hosts; each has a port of its own. After each cell
# the count in Redis is held against the answers that were counted.
# shellcheck shell=bash
# Set here and read there, or the other way round.
# shellcheck disable=SC2034,SC2154

scale_connections=(1 4 16 64 256 1024 4096)
scale_reactors=(1 2 4 8 16 32 64)
threads_max=8 # Of one process.
# As many as there are processes at most, and a column has the same load in all its cells. With one
# wrk a process, that of 2 reactors had all 1,024 connections and was itself what was slow: the 64
# reactors with their 8 wrks seemed 1.4 times as fast. With 8 wrks on both sides they are not.
loaders_max=8

# A cell of the grid is as a rule run once, and this machine is noisy. So many reactors are held
# against few apart from it, in rounds, by ratios within a round.
compared_rounds=5
compared_connections=(256 1024) # 4 and 16 for each of 64 reactors.
compared_reactors=(2 64)

measure_scale() { # Expects headcount, redis_pid, redis_port; prints all.
    local round connections reactors place batch_max in_flight_max
    batch_max=$(bound BATCH_MAX)
    in_flight_max=$(bound BATCHES_IN_FLIGHT_MAX)
    raise_open_files
    print_setting "$("$headcount" --version), $(redis_version), granting, \
logs off (RUST_LOG=$quiet); up to $loaders_max wrks at once"
    for ((round = 0; round < rounds; round++)); do
        for connections in "${scale_connections[@]}"; do
            for reactors in "${scale_reactors[@]}"; do
                measure_cell grid "$round" "$reactors" "$connections"
            done
        done
    done
    for ((round = 0; round < compared_rounds; round++)); do
        for connections in "${compared_connections[@]}"; do
            # Now the one is first, now the other.
            for place in 0 1; do
                reactors=${compared_reactors[(round + place) % 2]}
                measure_cell compared "$round" "$reactors" "$connections"
            done
        done
    done
    awk -v threads_max="$threads_max" -v batch_max="$batch_max" -v in_flight_max="$in_flight_max" \
        -v few="${compared_reactors[0]}" -v many="${compared_reactors[1]}" \
        -v ticks_per_s="$(getconf CLK_TCK)" -f "$here/bench/median.awk" \
        -f "$here/bench/scale.awk" "$temp/cells"
}

# The reckoning is made with the bounds of the program, not with a copy of them.
bound() { # NAME
    local value
    value=$(sed -n "s/^pub const $1: usize = \([0-9_]*\);.*/\1/p" "$here/src/limits.rs")
    [[ $value ]] || fail "src/limits.rs has no $1, which the reckoning needs"
    echo "${value//_/}"
}

raise_open_files() { # A wrk, and a headcount, may have all the connections.
    local needed=$((scale_connections[-1] + 1000)) open_files
    open_files=$(ulimit -Sn)
    [[ $open_files == unlimited ]] || ((open_files >= needed)) || ulimit -Sn "$needed" ||
        fail "$needed open files are needed, and no more than $(ulimit -Hn) allowed (ulimit -n)"
}

measure_cell() { # KIND ROUND REACTORS CONNECTIONS: adds to cells, as bench/scale.awk reads it
    local counter=scale-$1-$2-$3-$4 addresses=() calls cpu_ticks rate
    name="$1, round $(($2 + 1)), $3 reactors, $4 connections"
    echo "bench.sh: $name" >&2
    start_headcounts "$3" "$counter"
    calls=$(script_calls)
    cpu_ticks=$(ticks_of "$redis_pid")
    run_loads "$4"
    calls=$(($(script_calls) - calls))
    cpu_ticks=$(($(ticks_of "$redis_pid") - cpu_ticks))
    stop_headcounts
    check_cell "$counter" "$4"
    printf '%s\t' "$@" "$completed" "$rate" "$calls" "$cpu_ticks" "$taken" >>"$temp/cells"
    echo >>"$temp/cells"
}

# --- several headcounts --------------------------------------------------------------------------

start_headcounts() { # REACTORS COUNTER: sets headcount_pid, which has them all, and addresses
    local reactors=$1 processes=1 process pid pids=()
    ((reactors <= threads_max)) || processes=$((reactors / threads_max))
    for ((process = 0; process < processes; process++)); do
        # Emptied here, not by the headcount: or the address in it may be that of one before.
        : >"$temp/headcount.$process.log"
        RUST_LOG=$quiet "$headcount" --listen 127.0.0.1:0 --counter "$2" --limit "$granting_limit" \
            --store "redis://127.0.0.1:$redis_port" --threads $((reactors / processes)) \
            >>"$temp/headcount.$process.log" 2>&1 &
        headcount_pid+=" $!" # One by one, so that clean_up knows it.
        pids+=("$!")
    done
    for ((process = 0; process < processes; process++)); do
        pid=${pids[process]}
        if ! await "$pid" listens "$process" || ! await "$pid" answers_ready "$process"; then
            fail "$name: a headcount is not ready: $(tail -n 3 "$temp/headcount.$process.log")"
        fi
    done
    # /readyz speaks for one reactor of a process. A cell must have as many as it says.
    await "$pid" all_linked "$reactors" || fail "$name: not $reactors connections to Redis"
}

listens() { # PROCESS
    local words='"msg":"listening","address":"([^"]+)"'
    [[ $(<"$temp/headcount.$1.log") =~ $words ]] && addresses[$1]=${BASH_REMATCH[1]}
}

answers_ready() { request "http://${addresses[$1]}/readyz" >"$temp/answer"; } # PROCESS

all_linked() { # REACTORS; redis-cli, which asks, is a client of Redis too
    local words='connected_clients:([0-9]+)'
    [[ $(redis INFO clients) =~ $words ]] && ((BASH_REMATCH[1] == $1 + 1))
}

stop_headcounts() { # One by one: a second signal would end one at once, with 1.
    local pid
    for pid in $headcount_pid; do
        stop "$pid" || fail "$name: headcount ended with exit code $?"
    done
    headcount_pid=
}

# --- the load ------------------------------------------------------------------------------------

# The wrks go round the processes. With fewer connections than processes some have no load; their
# reactors are there all the same.
run_loads() { # CONNECTIONS: sets completed, rate, refused, socket_errors: the sums over all wrks
    local loaders=$loaders_max loader address pid
    ((loaders <= $1)) || loaders=$1
    rm -f "$temp"/wrk.*
    for ((loader = 0; loader < loaders; loader++)); do
        address=${addresses[loader % ${#addresses[@]}]}
        timeout $((seconds_each + 15)) wrk -t1 -c$(($1 / loaders)) -d"${seconds_each}s" \
            -s "$here/bench/report.lua" "http://$address/" >"$temp/wrk.$loader" 2>&1 &
        load_pid+=" $!"
    done
    for pid in $load_pid; do
        wait "$pid" || fail "$name: wrk failed: $(tail -qn 3 "$temp"/wrk.*)"
    done
    load_pid=
    read -r completed rate refused socket_errors < <(cat "$temp"/wrk.* | sum_up "$loaders") ||
        fail "$name: a wrk did not say what it measured"
}

sum_up() { # LOADERS: of the lines of report.lua; nothing if they are not so many
    awk -v loaders="$1" '
        $1 == "report" { lines++; n += $2; rate += $2 / ($3 / 1e6); refused += $6; errors += $7 }
        END { if (lines == loaders) printf "%.0f %.0f %.0f %.0f\n", n, rate, refused, errors }'
}

# As check_count of bench.sh: when a wrk stops, a connection has at most one request on its way.
# The headcounts have ended, so nothing is taken any more.
check_cell() { # COUNTER CONNECTIONS: sets taken
    check_answers
    taken=$(redis HGET "headcount:{$1}" taken)
    ((completed <= taken && taken <= completed + $2)) ||
        fail "$name: $completed answers, but $taken numbers are taken"
}
