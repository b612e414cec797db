# For the tables of bench.sh: medians of what each row measured, over its runs[row] runs. A value
# that was not measured is "-", and so is then the median.

function shown(format, value) { return value == "-" ? "-" : sprintf(format, value) }

function median(values, row) { return quantile(values, row, 0.5) }

# The value at a `share` (0, 0.5 or 1) of the way from the least to the greatest.
function quantile(values, row, share,    at, low, place, sorted) {
    for (at = 1; at <= runs[row]; at++) {
        if (values[row, at] == "-") return "-"
        for (place = at; place > 1 && sorted[place - 1] > values[row, at]; place--) {
            sorted[place] = sorted[place - 1]
        }
        sorted[place] = values[row, at]
    }
    place = 1 + share * (runs[row] - 1)
    low = int(place)
    return place > low ? (sorted[low] + sorted[low + 1]) / 2 : sorted[low]
}
