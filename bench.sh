#!/usr/bin/env bash
# Measures headcount with wrk: ./bench.sh --help.
#
# Every row of the table is a headcount of its own with a counter of its own. The rows are run in
# rounds, each round all of them: what the machine does beside them falls on all alike, and ratios
# are taken within a round. A fast wrong counter is worth nothing, so after each run the count in
# the store is held against the answers that wrk counted.
set -Eeuo pipefail
export LC_ALL=C

granting_limit=9000000000000 # Nobody reaches it, and it is below 2^53.
halted_limit=100
quiet=warn,headcount::server=info # No line a request, but "listening", which has the address.

usage() {
    cat <<'HELP'
Measures headcount with wrk.

Usage:
  ./bench.sh [--logs]  builds headcount; starts it, a redis-server and a
                       PostgreSQL (fsync on) on free ports; runs memory, a
                       file in the folder for temporary files (TMPDIR), Redis
                       and PostgreSQL, granting and halted, with 64
                       connections and with 1; prints one table
  ./bench.sh URL       puts the same load on a service that is running, such as
                       the pod at http://127.0.0.1:8080/ (this takes numbers)
  ./bench.sh --peers   runs headcount's three stores beside other servers that
                       do the same work: prints tables, and draws
                       bench/peers.svg anew. Builds them, with cargo, pip and
                       npm; as root it installs what Debian packages are
                       missing. About 20 minutes
  ./bench.sh --scale   script calls and requests/s of one Redis with 1 to 64
                       reactors and 1 to 4,096 connections, and 64 reactors
                       against 2 in 5 rounds. About 3 minutes
  ./bench.sh --help    prints this

  --logs          one more row, redis granting 64, with a log line a number
  ROUNDS=N        a variable: times that each row is run, 1 to 100; 3 unless
                  told otherwise, with --peers 5, with --scale 1
  SECONDS_EACH=N  a variable: length of a run in seconds, 1 to 60; 3 unless told
                  otherwise, with --scale 2
  HEADCOUNT_BIN=  a variable: a headcount that is measured in place of a build

Exit codes: 0 measured, and every count was right; 1 something is missing,
failed or was counted wrongly; 2 an argument or a variable is wrong
HELP
}

main() {
    local measure
    (($# < 2)) || misuse "one argument says all"
    case ${1:-} in
        '') measure=(measure_stores '') ;;
        -h | --help) usage && exit ;;
        --logs) measure=(measure_stores logs) ;;
        --peers | --scale) measure=(measure_more "${1#--}") ;;
        http://?* | https://?*) measure=(measure_service "$1") ;;
        *) misuse "'$1' is none of --logs, --peers, --scale, --help and an http:// URL" ;;
    esac
    case ${1:-} in
        --peers) rounds=5 seconds_each=3 ;;
        --scale) rounds=1 seconds_each=2 ;; # There are many cells.
        *) rounds=3 seconds_each=3 ;;
    esac
    rounds=${ROUNDS:-$rounds} seconds_each=${SECONDS_EACH:-$seconds_each}
    [[ $rounds =~ ^([1-9][0-9]?|100)$ ]] || misuse "ROUNDS='$rounds' is not 1 to 100"
    [[ $seconds_each =~ ^([1-5]?[1-9]|[1-6]0)$ ]] || misuse "SECONDS_EACH is not 1 to 60"

    here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    # shellcheck source=bench/tools.sh
    source "$here/bench/tools.sh"
    temp=$(mktemp -d "${TMPDIR:-/tmp}/headcount-bench.XXXXXX")
    trap clean_up EXIT
    trap 'exit 1' HUP INT TERM
    trap 'echo "bench.sh: FAILED in line $LINENO: $BASH_COMMAND" >&2' ERR
    "${measure[@]}"
}

measure_more() { # peers or scale, which is a file of its own
    # shellcheck source=/dev/null
    source "$here/bench/$1.sh"
    [[ $1 != peers ]] || install_packages
    need curl redis-cli redis-server wrk
    build
    start_redis
    "measure_$1"
}

# --- a headcount for each row --------------------------------------------------------------------

measure_stores() { # LOGS
    local round place row step=4 rows=(
        "memory granting 64" "redis granting 64" "file granting 64" "postgres granting 64"
        "memory granting 1" "redis granting 1" "file granting 1" "postgres granting 1"
        "memory halted 64" "redis halted 64" "file halted 64" "postgres halted 64"
        "memory halted 1" "redis halted 1" "file halted 1" "postgres halted 1"
    )
    [[ -z $1 ]] || step=5 rows=("${rows[@]:0:4}" "redis granting+logs 64" "${rows[@]:4}")
    need curl postgresql redis-cli redis-server wrk
    build
    start_redis
    start_postgres
    print_setting "$("$headcount" --version), $(redis_version), $(postgres_version) (fsync on), \
logs off (RUST_LOG=$quiet)"
    for ((round = 0; round < rounds; round++)); do
        for ((place = 0; place < ${#rows[@]}; place++)); do
            # A round begins a step further, so that rows that are compared stay side by side.
            read -ra row <<<"${rows[(round * step + place) % ${#rows[@]}]}"
            measure_row "$round" "${row[@]}"
        done
    done
    awk -f "$here/bench/median.awk" -f "$here/bench/table.awk" "$temp/runs"
    print_checked one
}

build() { # Sets headcount.
    headcount=${HEADCOUNT_BIN:-}
    if [[ $headcount ]]; then
        headcount=$(realpath -e "$headcount") || misuse "HEADCOUNT_BIN names no file"
    else
        command -v cargo >/dev/null || fail "missing: cargo; see https://rustup.rs"
        cd "$here"
        timeout --foreground 1800 cargo build --release --locked >&2 || fail "cargo build failed"
        headcount=${CARGO_TARGET_DIR:-target}/release/headcount
    fi
    unset "${!HEADCOUNT_@}" "${!PG@}" # The flags below and the defaults are what is measured.
}

measure_row() { # ROUND STORE LOAD CONNECTIONS
    local store=$2 load=$3 connections=$4 limit=$granting_limit calls memory_kib
    local counter=bench-$1-$store-${load/+/-}-$connections
    name="round $(($1 + 1)), $store $load $connections"
    echo "bench.sh: $name" >&2
    [[ $load != halted ]] || limit=$halted_limit
    start_headcount "$store" "$load" "$counter" "$limit"
    [[ $load != halted ]] || run_to_the_halt
    calls=$(calls_of "$store")
    run_load "http://$address/" "$connections"
    [[ $calls == - ]] || calls=$(($(calls_of "$store") - calls))
    memory_kib=$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$headcount_pid/status")
    check_count "$store" "$load" "$counter" "$connections"
    stop "$headcount_pid" || fail "$name: headcount ended with exit code $?"
    headcount_pid=
    [[ $load != granting+logs ]] || check_log
    record "$store" "$load" "$connections" "$calls" "$memory_kib" -
}

calls_of() { # STORE: what it was asked so far, or - if it does not count
    case $1 in
        redis) script_calls ;;
        postgres) statement_calls ;;
        *) echo - ;;
    esac
}

start_headcount() { # STORE LOAD COUNTER LIMIT [FLAG...]: sets headcount_pid, address
    local url=memory: level=$quiet
    case $1 in
        redis) url=redis://127.0.0.1:$redis_port ;;
        postgres) url=postgres://127.0.0.1:$postgres_port ;;
        file) url=file:$temp/count && rm -f "$temp/count" ;;
    esac
    [[ $2 != granting+logs ]] || level=info
    : >"$temp/headcount.log" # Or the address in it may be that of the headcount before.
    RUST_LOG=$level "$headcount" --listen 127.0.0.1:0 --store "$url" --counter "$3" --limit "$4" \
        "${@:5}" >>"$temp/headcount.log" 2>&1 &
    headcount_pid=$!
    if ! await "$headcount_pid" is_listening || ! await "$headcount_pid" is_ready; then
        fail "$name: headcount is not ready: $(tail -n 3 "$temp/headcount.log")"
    fi
}

is_listening() {
    local words='"msg":"listening","address":"([^"]+)"'
    [[ $(<"$temp/headcount.log") =~ $words ]] && address=${BASH_REMATCH[1]}
}

is_ready() { request "http://$address/readyz" >"$temp/answer"; }

run_to_the_halt() {
    request "http://$address/?[1-$((halted_limit + 1))]" >"$temp/answer"
    [[ $(halted "http://$address") == yes ]] || fail "$name: it does not halt"
}

# --- what must be so after a run -----------------------------------------------------------------

# When wrk stops, a connection has at most one request on its way, whose number may be taken though
# wrk has not counted its answer: completed <= taken <= completed + connections. What the store
# holds is read later than /status, so it is no less.
check_count() { # STORE LOAD COUNTER CONNECTIONS
    local taken stored words='"taken":([0-9]+),'
    check_answers
    [[ $(status "http://$address") =~ $words ]] || fail "$name: /status does not say what is taken"
    taken=${BASH_REMATCH[1]}
    stored=$taken
    case $1 in
        redis) stored=$(redis HGET "headcount:{$3}" taken) ;;
        postgres) stored=$(postgres "select taken from headcount where name = '$3'") ;;
    esac
    if [[ $2 == halted ]]; then
        ((taken == halted_limit && stored == halted_limit)) && return
        fail "$name: $halted_limit numbers, but $taken are taken; the store says $stored"
    fi
    ((completed <= taken && taken <= stored && stored <= completed + $4)) ||
        fail "$name: $completed answers, but $taken numbers are taken; the store says $stored"
    note_checked "$stored"
}

check_answers() {
    ((completed > 0 && refused == 0 && socket_errors == 0)) ||
        fail "$name: $completed answers, $refused of status 4xx or 5xx; $socket_errors errors"
}

note_checked() { # NUMBERS TAKEN
    checked_runs=$((checked_runs + 1))
    checked_numbers=$((checked_numbers + $1))
    checked_unanswered=$((checked_unanswered + $1 - completed))
}

check_log() { # A row that measures logging must have logged.
    local written dropped
    written=$(grep -c '"request_num":' "$temp/headcount.log") || true
    dropped=$(awk -F '[:}]' '/"log lines dropped"/ { sum += $(NF - 1) } END { print sum + 0 }' \
        "$temp/headcount.log")
    ((written > 0 && written + dropped >= completed)) ||
        fail "$name: $completed answers, but $written lines logged and $dropped dropped"
    lines_written=$((lines_written + written))
    lines_dropped=$((lines_dropped + dropped))
}

checked_runs=0 checked_numbers=0 checked_unanswered=0 lines_written=0 lines_dropped=0

print_checked() { # HOW MANY a connection has on their way, at most
    echo
    echo "Checked: $checked_numbers numbers were taken in $checked_runs granting runs; wrk saw" \
        "the answers to all but $checked_unanswered,
at most $1 a connection, on their way when it stopped. No error, no status 4xx or 5xx."
    ((lines_written == 0)) || echo "Logged to a file: $lines_written lines; $lines_dropped dropped."
}

# --- a service that is running -------------------------------------------------------------------

measure_service() { # URL
    local url=$1 origin round connections before after broken=''
    need curl wrk
    origin=$(sed -E 's|^(https?://[^/?#]+).*|\1|' <<<"$url")
    print_setting "$url"
    echo "/status before: $(status "$origin")"
    for ((round = 0; round < rounds; round++)); do
        for connections in $( ((round % 2)) && echo 1 64 || echo 64 1); do
            name="round $((round + 1)), $connections connections"
            echo "bench.sh: $name" >&2
            before=$(halted "$origin")
            run_load "$url" "$connections"
            after=$(halted "$origin")
            ((completed > 0)) || fail "$name: no answer from $url"
            # With --halted-status a halted service may well answer 429.
            if ((socket_errors > 0)) || [[ $refused != 0 && $after != yes ]]; then broken=1; fi
            [[ $before == "$after" ]] || after="$before, then $after"
            record - - "$connections" - - "$after"
        done
    done
    printf '/status after:  %s\n\n' "$(status "$origin")"
    awk -v service=1 -f "$here/bench/median.awk" -f "$here/bench/table.awk" "$temp/runs"
    [[ -z $broken ]] || fail "not every request was answered well: see the table"
}

misuse() { echo "bench.sh: $*; see --help" >&2 && exit 2; }
fail() { echo "bench.sh: FAILED: $*" >&2 && exit 1; }

main "$@"
