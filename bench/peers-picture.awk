# Draws what bench/peers.sh measured as bars, in SVG: a group a load, in it the granting rows and
# the baselines, the fastest first. Needs bench/median.awk and bench/peers-runs.awk.

END {
    left = 210
    widest = 400
    y = 34
    for (at = 1; at <= shape_count; at++) draw_shape(shapes[at])
    print_head(820, y + 10)
    printf "%s", drawn
    print "</svg>"
}

# Both for light pages and for dark ones: no background, and colours by what the reader prefers.
function print_head(width, height) {
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" " \
        "font-family=\"sans-serif\" font-size=\"13\">\n", width, height, width
    print "<title>Requests per second and CPU time per request, beside other servers</title>"
    print "<style>"
    print "text { fill: #1f2328 } .title { font-weight: bold } .small { fill: #59636e }"
    print ".headcount { fill: #0969da } .peer { fill: #9a6700 } .baseline { fill: #818b98 }"
    print "@media (prefers-color-scheme: dark) {"
    print "text { fill: #f0f6fc } .small { fill: #9198a1 }"
    print ".headcount { fill: #4493f8 } .peer { fill: #d29922 } .baseline { fill: #656c76 } }"
    print "</style>"
    printf "<text x=\"10\" y=\"20\" class=\"small\">Requests/s, and CPU time a request: of the " \
        "server + of its store. Grey: answers a constant, counts nothing.</text>\n"
}

function draw_shape(shape,    at, count, order, most) {
    count = fastest_first(shape, order)
    most = median(rate, order[1])
    y += 26
    text(10, y, "title", heading(shape))
    y += 8
    for (at = 1; at <= count; at++) draw_row(order[at], most)
}

function draw_row(row, most,    field, width, class, cpu) {
    split(row, field, FS)
    class = field[1] ~ /^headcount/ ? "headcount" : field[3] == "constant" ? "baseline" : "peer"
    width = widest * median(rate, row) / most
    cpu = sprintf("%.1f", median(server_us, row))
    if (median(store_us, row) != "-") cpu = cpu sprintf(" + %.1f", median(store_us, row))
    text(18, y + 14, "", name_of(row) (field[2] == "-" ? "" : ", " field[2]))
    add("<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"14\" class=\"%s\"/>", left, y + 3, width, \
        class)
    text(left + width + 6, y + 14, "", sprintf("%s/s <tspan class=\"small\">%s \302\265s</tspan>", \
        thousands(median(rate, row)), cpu))
    y += 20
}

function text(x, y, class, words) {
    drawn = drawn sprintf("<text x=\"%.0f\" y=\"%d\"%s>%s</text>\n", x, y, \
        class == "" ? "" : " class=\"" class "\"", words)
}

function add(format, a, b, c, d) { drawn = drawn sprintf(format "\n", a, b, c, d) }

function fastest_first(shape, order,    at, place, row, count, field) {
    for (at = 1; at <= shape_rows[shape]; at++) {
        row = rows[shape, at]
        split(row, field, FS)
        if (field[3] == "halted") continue
        for (place = ++count; place > 1; place--) {
            if (median(rate, order[place - 1]) >= median(rate, row)) break
            order[place] = order[place - 1]
        }
        order[place] = row
    }
    return count
}

function thousands(number,    digits) {
    digits = sprintf("%.0f", number)
    return length(digits) < 4 ? digits : thousands(substr(digits, 1, length(digits) - 3)) "," \
        substr(digits, length(digits) - 2)
}
