# The tools of bench.sh, which sources it: the load, what it measured, the two servers, processes.
# shellcheck shell=bash
# Set here and read there, or the other way round.
# shellcheck disable=SC2034,SC2154

# --- the load ------------------------------------------------------------------------------------

# URL CONNECTIONS [REQUESTS IN A WRITE]: sets completed, duration_us, p50_us, p99_us, refused,
# socket_errors, and wrk_ticks of CPU time.
run_load() {
    local ticks
    ticks=$(ticks_of_children)
    timeout $((seconds_each + 15)) wrk -t1 -c"$2" -d"${seconds_each}s" -s "$here/bench/report.lua" \
        "$1" -- "${3:-1}" >"$temp/wrk" 2>&1 &
    load_pid=$!
    wait "$load_pid" || fail "$name: wrk failed: $(tail -n 3 "$temp/wrk")"
    load_pid=
    wrk_ticks=$(($(ticks_of_children) - ticks))
    read -r completed duration_us p50_us p99_us refused socket_errors \
        < <(sed -n 's/^report //p' "$temp/wrk") || fail "$name: wrk did not say what it measured"
}

# CPU time of the children that have ended and were waited for, user and system.
ticks_of_children() {
    local fields
    read -r fields <"/proc/$$/stat"
    read -ra fields <<<"${fields##*) }" # The name in front may have spaces.
    echo $((fields[13] + fields[14]))
}

record() { # FIELD...: a line of them and of what the load measured, as an awk file names them
    local IFS=$'\t'
    set -- "$@" "$completed" "$duration_us" "$p50_us" "$p99_us" "$refused" "$socket_errors"
    echo "$*" >>"$temp/runs"
}

# --- the servers ---------------------------------------------------------------------------------

start_redis() { # Sets redis_pid, redis_port.
    local attempt
    for ((attempt = 0; attempt < 10; attempt++)); do
        redis_port=$((20000 + RANDOM % 12000)) # Below the ports that the kernel gives to clients.
        redis-server --bind 127.0.0.1 --port "$redis_port" --save '' --appendonly no \
            --dir "$temp" >"$temp/redis.log" 2>&1 &
        redis_pid=$!
        if await "$redis_pid" is_our_redis; then return; fi
        stop "$redis_pid" || true # Its port was in use.
    done
    fail "redis-server does not start: $(tail -n 3 "$temp/redis.log")"
}

is_our_redis() { [[ $(redis INFO server) == *"process_id:$redis_pid"[!0-9]* ]]; }
redis() { timeout 5 redis-cli -h 127.0.0.1 -p "$redis_port" "$@" 2>&1; }
redis_version() { redis INFO server | sed -n 's/^redis_version:\([0-9.]*\).*/redis \1/p'; }
script_calls() { redis INFO commandstats | sed -n 's/^cmdstat_evalsha:calls=\([0-9]*\),.*/\1/p'; }

# PostgreSQL as it must be run to lose nothing: each commit is on disk before it is acknowledged. It
# counts the statements itself; it refuses to run as root.
start_postgres() { # Sets postgres_pid, postgres_port, postgres_bin, as_owner.
    local attempt owner=postgres
    postgres_bin=$(postgres_programs)
    as_owner=(env)
    mkdir "$temp/postgres"
    if ((EUID == 0)); then
        id -u postgres >/dev/null 2>&1 || owner=nobody
        as_owner=(setpriv "--reuid=$(id -u "$owner")" "--regid=$(id -g "$owner")" --clear-groups)
        chmod 711 "$temp"
        chown "$owner" "$temp/postgres"
    fi
    (cd "$temp/postgres" && "${as_owner[@]}" "$postgres_bin/initdb" -D data -U postgres -A trust \
        --no-sync >"$temp/initdb.log" 2>&1) || fail "initdb: $(tail -n 3 "$temp/initdb.log")"
    for ((attempt = 0; attempt < 10; attempt++)); do
        postgres_port=$((20000 + RANDOM % 12000))
        "${as_owner[@]}" "$postgres_bin/postgres" -D "$temp/postgres/data" -p "$postgres_port" \
            -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$temp/postgres" \
            -c shared_preload_libraries=pg_stat_statements -c fsync=on -c synchronous_commit=on \
            >"$temp/postgres.log" 2>&1 &
        postgres_pid=$!
        if await "$postgres_pid" is_our_postgres; then
            postgres "create extension pg_stat_statements" && return
            break
        fi
        stop "$postgres_pid" || true # Its port was in use.
    done
    fail "postgres does not start: $(tail -n 3 "$temp/postgres.log")"
}

postgres_programs() { # The folder of initdb, postgres and psql: Debian's newest, or one in PATH.
    local folder path places
    IFS=: read -ra path <<<"$PATH"
    mapfile -t places < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV)
    for folder in "${places[@]}" "${path[@]}"; do
        [[ -x $folder/initdb && -x $folder/postgres && -x $folder/psql ]] || continue
        echo "$folder"
        return
    done
}

is_our_postgres() { # Its lock file has its process first and, as pg_ctl reads it, its state last.
    local lines=()
    [[ -r $temp/postgres/data/postmaster.pid ]] || return
    mapfile -t lines <"$temp/postgres/data/postmaster.pid"
    [[ ${lines[0]} == "$postgres_pid" && ${lines[7]:-} == ready* ]]
}
postgres() { # SQL
    PGCONNECT_TIMEOUT=5 timeout 10 "$postgres_bin/psql" -XAtq -h "$temp/postgres" \
        -p "$postgres_port" -U postgres -d postgres -c "$1" 2>&1
}
postgres_version() { postgres "show server_version" | sed 's/^\([0-9.]*\).*/postgres \1/'; }
# Each is a transaction of its own: a commit, and if it granted anything a flush to the disk.
statement_calls() {
    postgres "select coalesce(sum(calls), 0) from pg_stat_statements
        where query like '%update headcount%'"
}

# --- requests and processes ----------------------------------------------------------------------

request() { curl --silent --fail --noproxy '*' --max-time 5 "$@"; }
status() { request --globoff "$1/status" || echo "not to be had"; } # ORIGIN
halted() { # ORIGIN: yes, no, or - if it does not say
    case $(status "$1") in
        *'"halted":true'*) echo yes ;;
        *'"halted":false'*) echo no ;;
        *) echo - ;;
    esac
}

print_setting() { # WHAT IS MEASURED
    local model wrk busy
    model=$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)
    wrk=$(wrk --version 2>&1 || true) # It says its version, and exits with 1.
    busy=$(cut -d ' ' -f 1 /proc/loadavg)
    echo "machine:  $(nproc) cores, ${model:-$(uname -m)}, $(uname -sr), load average $busy"
    echo "measured: $1"
    echo "load:     ${wrk%% \[*}, 1 thread, $seconds_each s a run, medians of $rounds rounds"
    echo
}

# PID COMMAND...: until it succeeds; for about 6 s, or as many as in `patience`, and while the
# process lives.
await() {
    local end=$((SECONDS + ${patience:-6}))
    while ((SECONDS < end)); do
        if "${@:2}"; then return 0; fi
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.02
    done
    return 1
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }
stop() { # PID: its exit code; by force after about 6 s
    kill "$1" 2>/dev/null || true
    await "$1" is_gone "$1" || kill -KILL "$1" 2>/dev/null || true
    wait "$1"
}

# In this order: PostgreSQL waits for its clients to leave.
load_pid='' headcount_pid='' peer_pid='' redis_pid='' postgres_pid=''
clean_up() {
    local pid
    for pid in $load_pid $headcount_pid $peer_pid $redis_pid $postgres_pid; do
        stop "$pid" || true
    done
    rm -rf "$temp"
}

# CPU time of a process and all that it started and that lives, in clock ticks; - without a process.
ticks_of() { # PID OR NOTHING
    [[ $1 ]] || { echo - && return; }
    processes_of "$1" | awk '{ sum += $2 } END { print sum }'
}

processes_of() { # PID: it and all that it started, one a line, and the clock ticks that each took
    { cat /proc/[0-9]*/stat 2>/dev/null || true; } | awk -v root="$1" '
        { pid = $1; sub(/.*\) /, ""); parent[pid] = $2; ticks[pid] = $12 + $13 }
        END {
            for (pid in ticks) {
                for (at = pid; at > 1 && at != root; at = parent[at]);
                if (at == root) print pid, ticks[pid]
            }
        }'
}

need() { # TOOL...
    local tool missing=()
    for tool; do
        if [[ $tool == postgresql ]]; then
            [[ $(postgres_programs) ]] || missing+=(postgresql)
        else
            command -v "$tool" >/dev/null || missing+=("${tool/redis-cli/redis-tools}")
        fi
    done
    [[ ${#missing[@]} != 0 ]] || return 0
    local install="apt-get update && apt-get install -y ${missing[*]}" who='on Debian, as root'
    if ((EUID == 0)) && command -v apt-get >/dev/null; then who='install with'; fi
    fail "missing: ${missing[*]}; $who: $install"
}
