/* A monotonic clock that stands still until the file $FROZEN_UNTIL is there: two processes that
   are started with it have the same uptime, as two copies of one virtual machine do. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    const char *until = getenv("FROZEN_UNTIL");
    if (clock == CLOCK_MONOTONIC && until != NULL && access(until, F_OK) != 0) {
        time->tv_sec = 1000;
        time->tv_nsec = 0;
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, clock, time);
}
