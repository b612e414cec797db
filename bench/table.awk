# Prints the table and the ratios of bench.sh, from one line a run of tab-separated fields:
#  1 store         2 load       3 connections    4 calls          5 VmRSS (KiB)      6 halted
#  7 answers       8 length (us)                 9 p50 (us)      10 p99 (us)
# 11 answers of status 4xx or 5xx                12 socket errors
# A field that was not measured is "-". A row is run once a round, so its third run is of the
# third round. With -v service=1 the runs are of a service that was running already, and there
# are columns for its errors in place of those of a store.
# Needs bench/median.awk. Plain POSIX awk: gawk, mawk and busybox run it.

BEGIN { FS = "\t" }

{
    row = $1 FS $2 FS $3
    if (!(row in runs)) rows[++row_count] = row
    run = ++runs[row]
    calls[row, run] = $4 == "-" ? "-" : $4 / $7
    memory[row, run] = $5 == "-" ? "-" : $5 / 1024
    if (!((row, $6) in seen)) halted[row] = halted[row] (run > 1 ? "; " : "") $6
    seen[row, $6] = 1
    rate[row, run] = $7 / ($8 / 1e6)
    p50[row, run] = $9 / 1e3
    p99[row, run] = $10 / 1e3
    refused[row] += $11
    errors[row] += $12
}

END {
    if (service) print_service_table()
    else {
        print_store_table()
        print_ratios()
    }
}

function print_store_table(    at, row, field) {
    printf "%-8s %-13s %11s %11s %9s %9s %8s %8s %13s %11s\n", "store", "load", "connections", \
        "requests/s", "min", "max", "p50 ms", "p99 ms", "calls/request", "memory MiB"
    for (at = 1; at <= row_count; at++) {
        row = rows[at]
        split(row, field, FS)
        printf "%-8s %-13s %11s %s %13s %11s\n", field[1], field[2], field[3], measured(row), \
            shown("%.3f", median(calls, row)), shown("%.1f", median(memory, row))
    }
}

function print_service_table(    at, row, field) {
    printf "%-11s %11s %9s %9s %8s %8s %11s %13s  %s\n", "connections", "requests/s", "min", \
        "max", "p50 ms", "p99 ms", "status 4xx+", "socket errors", "halted"
    for (at = 1; at <= row_count; at++) {
        row = rows[at]
        split(row, field, FS)
        printf "%-11s %s %11.0f %13.0f  %s\n", field[3], measured(row), refused[row], \
            errors[row], halted[row]
    }
}

function measured(row) {
    return sprintf("%11.0f %9.0f %9.0f %8.3f %8.3f", median(rate, row), quantile(rate, row, 0), \
        quantile(rate, row, 1), median(p50, row), median(p99, row))
}

function print_ratios(    memory_row, redis_row, postgres_row, file_row, logs_row) {
    memory_row = "memory" FS "granting" FS 64
    redis_row = "redis" FS "granting" FS 64
    postgres_row = "postgres" FS "granting" FS 64
    file_row = "file" FS "granting" FS 64
    logs_row = "redis" FS "granting+logs" FS 64
    print "\nGranting, 64 connections:"
    print_ratio("redis / memory", redis_row, memory_row)
    print_ratio("postgres / redis", postgres_row, redis_row)
    print_ratio("file / redis", file_row, redis_row)
    print_ratio("file / postgres", file_row, postgres_row)
    print_calls("script calls per request", median(calls, redis_row))
    print_calls("commits per request", median(calls, postgres_row))
    if (logs_row in runs) print_ratio("redis, logs on / off", logs_row, redis_row)
}

function print_calls(words, share) {
    printf "  %-25s %.3f: %.1f requests a call\n", words, share, 1 / share
}

# Rounds are compared within themselves, since a machine has its moods.
function print_ratio(words, above, below,    run, ratio) {
    for (run = 1; run <= runs[above]; run++) ratio[above, run] = rate[above, run] / rate[below, run]
    printf "  %-25s %.3f of the requests/s, median of rounds (%.3f to %.3f)\n", words, \
        median(ratio, above), quantile(ratio, above, 0), quantile(ratio, above, 1)
}
