/* Memory for tables that grow in place: addresses are reserved once, and the system allocates
   memory at the first write. A table may be on disk, in a file of which the process keeps in
   memory what it works on. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    HUGE = 1 << 21,          /* bytes */
    DISK_STEP = 1 << 20,     /* bytes of a file that are allocated at a time */
};

/* A file with a table in it; no file if its number is negative. */
struct disk {
    int file;
    uint64_t bytes;          /* allocated */
};

static void *reserve(size_t bytes) {
    void *found = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= 4 * HUGE) madvise(found, bytes, MADV_HUGEPAGE);
#endif
    return found;
}

/* Reserve addresses for what is in a file. What is not allocated there must not be touched. */
static void *reserve_on(const struct disk *d, size_t bytes) {
    void *found = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, d->file, 0);
    return found == MAP_FAILED ? NULL : found;
}

static void release(void *place, size_t bytes) {
    if (place) munmap(place, bytes);
}

/* Allocate so many bytes of a file, and some more; return 0 if the disk is full. */
static int allocate(struct disk *d, uint64_t bytes) {
    /* zeros are written: a write to a page without room on the disk would end the process */
    static char zeros[DISK_STEP];
    while (d->bytes < bytes) {
        const ssize_t written = pwrite(d->file, zeros, sizeof zeros, (off_t)d->bytes);
        if (written < 0 && errno != EINTR) return 0;
        if (written > 0) d->bytes += (uint64_t)written;
    }
    return 1;
}

static void advise(const void *from, const void *to, int advice) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)from & ~(page - 1);
    if (to > from) madvise((void *)begin, (size_t)((uintptr_t)to - begin), advice);
}

/* Leave a part of a file to the disk: it takes no memory of the process until it is used again. */
static void put_away(const void *from, const void *to) { advise(from, to, MADV_DONTNEED); }

/* Have a part of a file read before it is used. */
static void read_ahead(const void *from, const void *to) { advise(from, to, MADV_WILLNEED); }
