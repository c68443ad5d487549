// The clock of a process that is set wrong: before the C library, by LD_PRELOAD.

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    const char *ahead = getenv("UNDERPIN_CLOCK_AHEAD");
    if (!failed && clock == CLOCK_REALTIME && ahead)
        now->tv_sec += atol(ahead);
    return failed;
}
