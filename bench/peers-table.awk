# Prints the table of bench/peers.sh. Needs bench/median.awk and bench/peers-runs.awk.
#
# The busiest is the process that used most of what its threads could use: wrk has one, Redis one
# that counts, the others two. Where it used less than nine tenths of that, either the cores were
# used up, by these and by other processes, or they waited, for each other or for the disk.

END {
    for (at = 1; at <= shape_count; at++) print_shape(shapes[at])
    print "\nx nginx: requests/s against nginx in the same round, median of rounds. CPU us: of the"
    print "server's processes and of the store's, a request. Cores: how much of them each used."
    print "Bound: the process nearest to what its threads can use, and how near; below 90 %, 'cores'"
    print "says that the machine was full, 'waits' that they waited, for each other or for the disk."
    print "Calls: of the store, a request. wrk's percentiles are right for one request in a write"
    print "only, and else not shown."
    printf "Other processes and the hypervisor took %.2f of %d cores (median of runs; most %.2f).\n", \
        median(other_cores, "all"), cores, quantile(other_cores, "all", 1)
}

function print_shape(shape,    at) {
    printf "%s%-73s CPU us a request | cores used\n", (shape == shapes[1] ? "" : "\n"), \
        heading(shape) ":"
    printf "%-21s %-8s %-8s %10s %7s %7s %7s | %7s %7s | %5s %6s %5s  %-19s %s\n", "server", \
        "store", "load", "requests/s", "x nginx", "p50 us", "p99 us", "server", "store", "wrk", \
        "server", "store", "bound", "calls"
    for (at = 1; at <= shape_rows[shape]; at++) print_row(rows[shape, at], shape)
}

function print_row(row, shape,    field) {
    split(row, field, FS)
    printf "%-21s %-8s %-8s %10.0f %7s %7s %7s | %7.2f %7s | %5.2f %6.2f %5s  %-19s %s\n", \
        name_of(row), field[2], field[3], median(rate, row), beside_nginx(row, shape), \
        shown("%.0f", median(p50, row)), shown("%.0f", median(p99, row)), median(server_us, row), \
        shown("%.2f", median(store_us, row)), median(wrk_cores, row), median(server_cores, row), \
        shown("%.2f", median(store_cores, row)), busiest(row), \
        shown("%.3f", median(calls, row))
}

# Rounds are compared within themselves, since a machine has its moods.
function beside_nginx(row, shape,    nginx, run, ratio) {
    nginx = "nginx" FS "-" FS "constant" FS shape
    if (!(nginx in runs)) return "-"
    for (run = 1; run <= runs[row]; run++) ratio[row, run] = rate[row, run] / rate[nginx, run]
    return sprintf("%.2f", median(ratio, row))
}

function busiest(row,    field, share, most, name) {
    split(row, field, FS)
    name = "wrk"
    most = median(wrk_cores, row)
    share = median(server_cores, row) / (field[1] ~ /threads_1/ ? 1 : 2)
    if (share > most) {
        name = "server"
        most = share
    }
    share = median(store_cores, row) / (field[2] == "postgres" ? 2 : 1)
    if (field[2] ~ /redis|postgres/ && share > most) {
        name = field[2]
        most = share
    }
    return sprintf("%s%s %.0f %%", held_back_by(row, most), name, most * 100)
}

function held_back_by(row, most) {
    if (most >= 0.9) return ""
    return median(all_cores, row) >= 0.9 * cores ? "cores; " : "waits; "
}
