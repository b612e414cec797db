# Prints the tables, the ratios and the reckoning of bench/scale.sh, from one line a cell of
# tab-separated fields:
#  1 grid or compared   2 round (from 0)   3 reactors             4 connections
#  5 answers            6 answers/s        7 script calls         8 Redis CPU time (clock ticks)
#  9 numbers taken
# and from -v threads_max, batch_max, in_flight_max, few, many, ticks_per_s.
# A cell of the grid is run once a round. Medians are those of bench/median.awk. Plain POSIX awk:
# gawk, mawk and busybox run it.

BEGIN {
    FS = "\t"
    round_trip_ms = 0.5 # Between two machines of one data centre, with some room.
}

{
    cells++
    numbers += $9
    unanswered += $9 - $5
}

$1 == "grid" {
    cell = $3 FS $4
    if (!($3 in seen_reactors)) reactors[++reactors_count] = $3
    if (!($4 in seen_connections)) connections[++connections_count] = $4
    seen_reactors[$3] = seen_connections[$4] = 1
    run = ++runs[cell]
    rate[cell, run] = $6
    calls[cell, run] = $7 / $5
    cpu[cell, run] = cpu_us($8) / $5
    if ($3 == many) {
        calls_many += $7
        cpu_many += cpu_us($8)
    }
    if ($5 / $7 > carried_most) carried_most = $5 / $7
}

# Rounds are compared within themselves, since a machine has its moods.
$1 == "compared" {
    if (!($4 in seen_compared)) compared[++compared_count] = $4
    seen_compared[$4] = 1
    round_rate[$3] = $6
    if (++halves[$4, $2] == 2) ratio[$4, ++runs[$4]] = round_rate[many] / round_rate[few]
}

END {
    print_table("Requests a second", "%.0f", rate)
    print_table("Script calls a request", "%.4f", calls)
    print_table("Redis CPU time a request (us)", "%.2f", cpu)
    print_ratios()
    print_reckoning()
    printf "\nChecked: %.0f numbers were taken in %d cells; ", numbers, cells
    printf "wrk saw the answers to all but %.0f,\n", unanswered
    print "at most one a connection, on their way when it stopped. No error, no status 4xx or 5xx."
}

function cpu_us(ticks) { return ticks / ticks_per_s * 1e6 }

function print_table(words, format, values,    at, column, label) {
    printf "%s, by reactors (processes x threads) and connections:\n", words
    printf "%-14s", "reactors"
    for (column = 1; column <= connections_count; column++) printf "%9d", connections[column]
    print ""
    for (at = 1; at <= reactors_count; at++) {
        label = sprintf("%2d (%d x %d)", reactors[at], processes(at), reactors[at] / processes(at))
        printf "%-14s", label
        for (column = 1; column <= connections_count; column++) {
            printf "%9s", sprintf(format, median(values, reactors[at] FS connections[column]))
        }
        print ""
    }
    print ""
}

function processes(at) { return reactors[at] > threads_max ? reactors[at] / threads_max : 1 }

function print_ratios(    at, row) {
    printf "%d reactors / %d reactors, requests/s:\n", many, few
    for (at = 1; at <= compared_count; at++) {
        row = compared[at]
        printf "  %4d connections: %.2f, median of %d rounds (%.2f to %.2f)\n", row, \
            median(ratio, row), runs[row], quantile(ratio, row, 0), quantile(ratio, row, 1)
    }
}

# A call costs Redis about the same whatever it carries. So what bounds one key is how many calls a
# core runs, and reactors make no more of them than their round trips allow: the rest gathers.
function print_reckoning(    call_us, core, at, count, list) {
    call_us = cpu_many / calls_many
    core = 1e6 / call_us
    print_fullest(call_us)
    print "\nReckoned from that, not measured: one key of one Redis at 1,000,000 requests/s"
    printf "  Redis runs on one core: 1 s / %.1f us = %.0f calls/s\n", call_us, core
    printf "  a call carries up to %d requests (BATCH_MAX)\n", batch_max
    printf "  a reactor has up to %d calls on their way (BATCHES_IN_FLIGHT_MAX), ", in_flight_max
    printf "each for a round trip,\n  assumed %.1f ms while Redis is not full: ", round_trip_ms
    printf "%.0f calls/s, however many requests\n", in_flight_max / round_trip_ms * 1e3
    printf "  %-8s %9s %14s %11s %14s %17s\n", "reactors", "calls/s", "requests/call", \
        "Redis busy", "round trip ms", "requests waiting"
    count = split("2 16 64 512", list, " ")
    for (at = 1; at <= count; at++) print_reckoned(list[at], core)
}

function print_fullest(call_us,    most, row, calls_per_s) {
    most = connections[connections_count]
    row = many FS most
    calls_per_s = median(rate, row) * median(calls, row)
    printf "\nMeasured, %d reactors and %d connections: ", many, most
    printf "%.0f calls/s, %.0f a reactor, ", calls_per_s, calls_per_s / many
    printf "of %.0f requests;\nRedis was busy for %.0f%% of a core. ", 1 / median(calls, row), \
        median(rate, row) * median(cpu, row) / 1e4
    printf "A call of %d reactors costs it %.1f us of CPU;\n", many, call_us
    printf "the most requests a call were %.0f.\n", carried_most
}

# Where the reactors would make more calls than the core runs, they wait for each other's.
function print_reckoned(reactors, core,    calls, round_trip) {
    round_trip = round_trip_ms / 1e3
    calls = reactors * in_flight_max / round_trip
    if (calls > core) {
        calls = core
        round_trip = reactors * in_flight_max / core
    }
    printf "  %-8d %9.0f %14.1f %10.0f%% %14.2f %17.0f\n", reactors, calls, 1e6 / calls, \
        100 * calls / core, round_trip * 1e3, 1e6 * round_trip
}
