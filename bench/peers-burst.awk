# The small table of bench/peers-servers.sh, from one line a run: the server, requests/s, failed
# requests, and the longest request (ms). Needs bench/median.awk. Plain POSIX awk.

{
    if (!($1 in runs)) servers[++server_count] = $1
    run = ++runs[$1]
    rate[$1, run] = $2
    failed[$1] += $3
    longest[$1, run] = $4
}

END {
    printf "%-12s %11s %16s %14s %14s\n", "server", "requests/s", "failed, all runs", \
        "longest ms", "its worst run"
    for (at = 1; at <= server_count; at++) {
        server = servers[at]
        printf "%-12s %11.0f %16d %14.0f %14.0f\n", server, median(rate, server), \
            failed[server], median(longest, server), quantile(longest, server, 1)
    }
}
