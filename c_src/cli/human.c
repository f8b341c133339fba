#include "cli/human.h"

#include <stdio.h>

/* Three digits say enough: 1.24, 12.4, 124. */
static struct human scaled(double value, const char *unit) {
    struct human human;
    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(human.text, sizeof human.text, "%.*f%s", decimals, value, unit);
    return human;
}

static struct human whole(double value, const char *unit) {
    struct human human;
    snprintf(human.text, sizeof human.text, "%.0f%s", value, unit);
    return human;
}

struct human human_bytes(double bytes) {
    static const char *const UNITS[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
    unsigned unit = 0;
    if (bytes < 1023.5)
        return whole(bytes, UNITS[0]);
    while (bytes >= 1023.5 && unit + 1 < sizeof UNITS / sizeof *UNITS) {
        bytes /= 1024;
        unit++;
    }
    return scaled(bytes, UNITS[unit]);
}

struct human human_count(double count) {
    static const char *const UNITS[] = {"", "k", "M", "G", "T", "P"};
    unsigned unit = 0;
    if (count < 9999.5)
        return whole(count, "");
    while (count >= 999.5 && unit + 1 < sizeof UNITS / sizeof *UNITS) {
        count /= 1000;
        unit++;
    }
    return scaled(count, UNITS[unit]);
}

struct human human_duration(double seconds) {
    struct human human;
    uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;
    unsigned long long days = s / 86400, hours = s / 3600 % 24, minutes = s / 60 % 60;
    if (days)
        snprintf(human.text, sizeof human.text, "%llu d %llu h", days, hours);
    else if (hours)
        snprintf(human.text, sizeof human.text, "%llu h %llu min", hours, minutes);
    else if (minutes)
        snprintf(human.text, sizeof human.text, "%llu min %llu s", minutes, (unsigned long long)(s % 60));
    else
        snprintf(human.text, sizeof human.text, "%llu s", (unsigned long long)s);
    return human;
}

struct human human_time(double seconds) {
    if (seconds < 999.5e-9)
        return whole(seconds * 1e9, " ns");
    if (seconds < 999.5e-6)
        return scaled(seconds * 1e6, " us");
    if (seconds < 999.5e-3)
        return scaled(seconds * 1e3, " ms");
    return scaled(seconds, " s");
}
