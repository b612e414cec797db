# Headcount beside other servers, for bench.sh, which sources this after bench/tools.sh.
#
# The peers (bench/peers) do the same work: a request is one decision of a bounded counter in the
# same Redis. They have two workers each, and headcount has two threads. Two baselines count nothing
# and answer a constant. Each run is of a server of its own, loaded for a second before it is
# measured; only one runs at a time. CPU time is what the kernel says of the processes.
# shellcheck shell=bash
# Set here and read there, or the other way round.
# shellcheck disable=SC2034,SC2154

# shellcheck source=bench/peers-install.sh
source "$here/bench/peers-install.sh"
# shellcheck source=bench/peers-servers.sh
source "$here/bench/peers-servers.sh"

PATH=$PATH:/usr/sbin
peers=$here/bench/peers
built=$(cd "$here" && realpath -m "${CARGO_TARGET_DIR:-target}")/peers

# Server, store, load. A server's _ is a space when it is shown.
everywhere=(
    "headcount memory granting" "headcount redis granting" "headcount postgres granting"
    "nginx - constant" "minihttp - constant"
    "ntex redis granting" "actix redis granting" "nginx_lua redis granting"
    "node redis granting" "python redis granting" "python_with_logs redis granting"
    "headcount memory halted" "headcount redis halted" "headcount postgres halted"
)
with_64=("headcount_--threads_1 redis granting" "headcount_--threads_1 memory halted")

measure_peers() { # Expects headcount, redis_pid, redis_port; prints all, and draws the picture.
    local round place row rows=() step=5
    need postgresql
    install_peers
    start_postgres
    list_rows
    print_setting "$("$headcount" --version), $(redis_version), $(postgres_version) (fsync on), \
logs off"
    for ((round = 0; round < rounds; round++)); do
        for ((place = 0; place < ${#rows[@]}; place++)); do
            # A round begins a step further, so that rows that are compared stay side by side.
            read -ra row <<<"${rows[(round * step + place) % ${#rows[@]}]}"
            measure_beside "$round" "${row[@]}"
        done
        measure_burst "$round"
    done
    summary table
    summary picture >"$here/bench/peers.svg"
    print_burst
    print_checked 'one write of requests'
    print_commands
    print_versions
}

summary() { # table or picture
    awk -v ticks_per_s="$(getconf CLK_TCK)" -v cores="$(nproc)" -f "$here/bench/median.awk" \
        -f "$here/bench/peers-runs.awk" -f "$here/bench/peers-$1.awk" "$temp/runs"
}

list_rows() { # Sets rows: a server, store, load, connections, requests in a write.
    local row
    for row in "${everywhere[@]}" "${with_64[@]}"; do add_row "$row 64 1"; done
    for row in "${everywhere[@]}"; do add_row "$row 1 1"; done
    for row in "${everywhere[@]}"; do add_row "$row 64 16"; done
}

add_row() { [[ ${absent[${1%% *}]:-} ]] || rows+=("$1"); } # ROW

# --- a run ---------------------------------------------------------------------------------------

measure_beside() { # ROUND SERVER STORE LOAD CONNECTIONS DEPTH
    local server=$2 store=$3 load=$4 connections=$5 depth=$6 pid store_pid=''
    local calls before after server_ticks store_ticks machine_ticks words="$*"
    name="round $(($1 + 1)), ${*:2}"
    echo "bench.sh: $name" >&2
    start_server "peers-${words// /-}"
    case $store in redis) store_pid=$redis_pid ;; postgres) store_pid=$postgres_pid ;; esac
    seconds_each=1 run_load "http://$address/" "$connections" "$depth"
    before=$(settled)
    calls=$(calls_of "$store")
    store_ticks=$(ticks_of "$store_pid")
    server_ticks=$(ticks_of "$pid")
    machine_ticks=$(ticks_of_machine)
    run_load "http://$address/" "$connections" "$depth"
    machine_ticks=$(since "$machine_ticks" "$(ticks_of_machine)")
    server_ticks=$(since "$server_ticks" "$(ticks_of "$pid")")
    store_ticks=$(since "$store_ticks" "$(ticks_of "$store_pid")")
    calls=$(since "$calls" "$(calls_of "$store")")
    after=$(settled)
    check_taken
    stop_server
    [[ $server != python_with_logs ]] || check_lines
    record "$server" "$store" "$load" "$connections" "$depth" \
        "$calls" "$server_ticks" "$store_ticks" "$wrk_ticks" "$machine_ticks"
}

since() { if [[ $1 == - ]]; then echo -; else echo $(($2 - $1)); fi; } # BEFORE AFTER

# --- what must be so after a run -----------------------------------------------------------------

taken() { # By the store's own account; - where nothing is counted.
    local words='"taken":([0-9]+),'
    case $store in
        memory) [[ $(status "http://$address") =~ $words ]] && echo "${BASH_REMATCH[1]}" ;;
        redis) redis HGET "$key" taken ;;
        postgres) postgres "select taken from headcount where name = '$counter'" ;;
        -) echo - ;;
    esac
}

settled() { # What is taken, once the requests that wrk left on their way have come to rest.
    local attempt now before=''
    for ((attempt = 0; attempt < 50; attempt++)); do
        now=$(taken)
        [[ $now != "$before" ]] || break
        before=$now
        [[ $now == - ]] || sleep 0.1
    done
    echo "$now"
}

# When wrk stops, a connection has at most one write of requests on its way, whose numbers may be
# taken though wrk has not counted their answers.
check_taken() {
    local numbers
    check_answers
    [[ $after != - ]] || return 0
    numbers=$((after - before))
    if [[ $load == halted ]]; then
        ((after == halted_limit && numbers == 0)) && return
        fail "$name: $halted_limit numbers, but $after are taken"
    fi
    ((completed <= numbers && numbers <= completed + connections * depth)) ||
        fail "$name: $completed answers, but $numbers numbers are taken"
    note_checked "$numbers"
}

check_lines() { # A row that measures logging must have logged.
    local written
    written=$(grep -c '"request_num":' "$temp/peer.log") || true
    ((written >= completed)) || fail "$name: $completed answers, but $written lines logged"
}
