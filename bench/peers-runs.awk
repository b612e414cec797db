# Reads what bench/peers.sh measured, for its table and its picture: one line a run of
# tab-separated fields.
#  1 server        2 store      3 load     4 connections      5 requests in a write
#  6 calls         7, 8, 9, 10 CPU time of the server, the store, wrk and all (clock ticks)
# 11 answers      12 length (us)          13 p50 (us)        14 p99 (us)
# A field that was not measured is "-". A row is run once a round, so its third run is of the third
# round. Needs -v ticks_per_s and cores, and bench/median.awk. Plain POSIX awk: gawk, mawk and
# busybox run it.

BEGIN { FS = "\t" }

{
    shape = $4 FS $5
    row = $1 FS $2 FS $3 FS shape
    if (!(shape in shape_rows)) shapes[++shape_count] = shape
    if (!(row in runs)) rows[shape, ++shape_rows[shape]] = row
    run = ++runs[row]
    length_s = $12 / 1e6
    rate[row, run] = $11 / length_s
    # wrk reckons percentiles as if a write had one request.
    p50[row, run] = $5 == 1 ? $13 : "-"
    p99[row, run] = $5 == 1 ? $14 : "-"
    calls[row, run] = $6 == "-" ? "-" : $6 / $11
    # Microseconds of CPU time a request, and how many cores were used.
    server_us[row, run] = $7 / ticks_per_s * 1e6 / $11
    store_us[row, run] = $8 == "-" ? "-" : $8 / ticks_per_s * 1e6 / $11
    server_cores[row, run] = $7 / ticks_per_s / length_s
    store_cores[row, run] = $8 == "-" ? "-" : $8 / ticks_per_s / length_s
    wrk_cores[row, run] = $9 / ticks_per_s / length_s
    all_cores[row, run] = $10 / ticks_per_s / length_s
    other_cores["all", ++runs["all"]] = ($10 - $7 - $8 - $9) / ticks_per_s / length_s
}

function name_of(row,    field, name) {
    split(row, field, FS)
    name = field[1]
    gsub(/_/, " ", name)
    return name
}

function heading(shape,    field) {
    split(shape, field, FS)
    return field[1] (field[1] == 1 ? " connection" : " connections") \
        (field[2] == 1 ? "" : ", " field[2] " requests in a write")
}
