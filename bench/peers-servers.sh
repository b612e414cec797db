# The servers that bench/peers.sh measures: how each is started, ended, and what CPU time it took.
# shellcheck shell=bash
# Set here and read there, or the other way round.
# shellcheck disable=SC2034,SC2154

constant='{"hello":"world","request_num":123456}'

# COUNTER: starts what `server`, `store` and `load` name; sets address, pid, counter, and key, where
# Redis has the count.
start_server() {
    local threads=2 limit=$granting_limit
    counter=$1
    if [[ $server == headcount* ]]; then
        key="headcount:{$counter}"
        [[ $server == headcount ]] || threads=1
        [[ $load != halted ]] || limit=$halted_limit
        start_headcount "$store" "$load" "$counter" "$limit" --threads "$threads"
        pid=$headcount_pid
        [[ $load != halted ]] || run_to_the_halt
    else
        key=peer
        start_peer
        pid=$peer_pid
    fi
}

start_peer() { # Sets address, peer_pid.
    local attempt command port
    redis HSET peer taken 0 limit "$granting_limit" >/dev/null
    for ((attempt = 0; attempt < 10; attempt++)); do
        port=$((20000 + RANDOM % 12000))
        ! (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || continue # Somebody has it.
        command_of "$server"
        write_nginx_files
        "${command[@]}" >"$temp/peer.log" 2>&1 &
        peer_pid=$!
        address=127.0.0.1:$port
        # An interpreter is slow to start when the machine is busy.
        if patience=20 await "$peer_pid" answers; then
            check_bodies
            return
        fi
        stop "$peer_pid" || true
    done
    fail "$name: it does not start: $(tail -n 3 "$temp/peer.log")"
}

answers() { request "http://$address/" >"$temp/answer"; }

check_bodies() { # A peer says what headcount says, below the limit and at it.
    local expected=("$constant" "$constant") body
    if [[ $store == redis ]]; then
        redis HSET peer taken 0 limit 1 >/dev/null
        expected=('{"hello":"world","request_num":1}' '{"Go":"away!","request_num":1}')
    fi
    for body in "${expected[@]}"; do
        if ! answers || [[ $(<"$temp/answer") != "$body" ]]; then
            fail "$name: it answers $(<"$temp/answer") in place of $body"
        fi
    done
    redis HSET peer taken 0 limit "$granting_limit" >/dev/null
}

command_of() { # SERVER: sets command, which serves on $port
    local logs=0 uvicorn=("$built/venv/bin/uvicorn" peer:app --app-dir "$peers/python")
    case $1 in
        python | python_with_logs)
            [[ $1 == python ]] || logs=1
            command=(env PYTHONDONTWRITEBYTECODE=1 "REDIS_PORT=$redis_port" "LOGS=$logs"
                "${uvicorn[@]}" --port "$port"
                --workers 2 --loop uvloop --http httptools --backlog 4096 --timeout-keep-alive 75
                --no-access-log --log-level warning)
            ;;
        node)
            command=(env NODE_ENV=production node "$built/node/peer.js"
                "$port" "$redis_port" "$peers/take.lua")
            ;;
        actix | ntex) command=("$built/cargo/release/peer-$1" "$port" "$redis_port") ;;
        minihttp) command=("$built/cargo/release/peer-$1" "$port") ;;
        nginx) command=(nginx -p "$temp/nginx" -c constant.conf) ;;
        nginx_lua) command=(nginx -p "$temp/nginx" -c lua.conf) ;;
    esac
}

write_nginx_files() {
    local file
    mkdir -p "$temp/nginx"
    for file in "$peers"/nginx/*.conf; do
        sed "s|@PORT@|$port|; s|@REDIS_PORT@|$redis_port|; s|@PEERS@|$peers|" "$file" \
            >"$temp/nginx/${file##*/}"
    done
}

stop_server() { # Which `pid` is, with all that it started.
    local processes process
    processes=$(processes_of "$pid" | cut -d ' ' -f 1)
    stop "$pid" || [[ $server != headcount* ]] || fail "$name: headcount ended with exit code $?"
    for process in $processes; do # A worker may end after its parent.
        await "$process" is_gone "$process" || kill -KILL "$process" 2>/dev/null || true
    done
    headcount_pid='' peer_pid=''
}

# CPU time of everything, what the hypervisor gave to others instead of to this machine included.
ticks_of_machine() { awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8 + $9 }' /proc/stat; }

# --- what was measured ---------------------------------------------------------------------------

print_commands() {
    local server port=PORT redis_port=REDIS_PORT command words
    printf '\nCommands:\n'
    echo "  headcount    headcount --listen ADDRESS --store URL --limit N --threads 2"
    for server in "${peer_names[@]}"; do
        [[ ! ${absent[$server]:-} ]] || continue
        command_of "$server"
        words=${command[*]}
        words=${words//"$built/"/} words=${words//"$here/"/} words=${words//"$temp/"/}
        printf '  %-13s%s\n' "${server//_/ }" "$words"
    done
    echo "  burst        ab -q -l -r -c $burst_connections -n $burst_requests URL"
    for server in "${!absent[@]}"; do
        echo "Not measured: ${server//_/ }, because it ${absent[$server]}"
    done
}

# --- a connection for each request ---------------------------------------------------------------

burst_connections=1000 burst_requests=50000

measure_burst() { # ROUND
    local at server store load=granting pid counter key
    command -v ab >/dev/null || absent[ab]="could not be installed (apache2-utils)"
    [[ ! ${absent[ab]:-} ]] || return 0
    # An odd round has them the other way round.
    for at in 0 1; do
        server=headcount store=memory
        (((at + $1) % 2 == 0)) || server=nginx store=-
        [[ ! ${absent[$server]:-} ]] || continue
        name="round $(($1 + 1)), $server, a connection for each request"
        echo "bench.sh: $name" >&2
        start_server "burst-$1"
        timeout 120 ab -q -l -r -c "$burst_connections" -n "$burst_requests" "http://$address/" \
            >"$temp/ab" 2>&1 || fail "$name: ab failed: $(tail -n 3 "$temp/ab")"
        stop_server
        awk -v server="$server" '
            /^Requests per second:/ { rate = $4 }
            /^Failed requests:/ { failed = $3 }
            $1 == "100%" { longest = $2 }
            END { print server, rate, failed, longest }' "$temp/ab" >>"$temp/bursts"
    done
}

print_burst() {
    [[ -s $temp/bursts ]] || return 0
    printf '\nA connection for each request, %s at once (ab, %s requests):\n' \
        "$burst_connections" "$burst_requests"
    awk -f "$here/bench/median.awk" -f "$here/bench/peers-burst.awk" "$temp/bursts"
}
