/* The search around the generated text: breadth first, layer by layer, on several threads.

   States are stored exactly. A state consists of lanes of sixteen bytes. Few values occur in a
   lane, so each value gets a number, and the key of a state in the table `states` is the numbers
   of its lanes, in as many bits as they need at present. When a number needs another bit, all
   threads stop and all keys are rewritten.

   States are numbered in the order in which a single thread would find them. A layer is expanded
   in blocks: inside a block a new state has a provisional number and stores the first step that
   leads to it; at the end of the block the new states are sorted by these steps. So the result
   does not depend on the number of threads, and the extra memory is proportional to a block, not
   to a layer.

   With a file on disk the keys are there, and the states before the block are settled: of these is
   in memory only that they are known. `table` has those of the block, and a few more.

   Two shortcuts save most of the work: a state is decoded from its difference to the previous
   one, and for the key of a successor only the numbers of changed lanes are looked up. */

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define NOTHING UINT32_MAX
#define LATEST UINT64_MAX
#define NO_KEY UINT64_MAX /* the key of an unused number: a first limb uses at most 63 bits */

enum {
    SLICE = 64,          /* states that a thread takes at a time */
    BATCH = 16,          /* successors that wait until their slots are in the cache */
    TAKEN = 64,          /* numbers that a thread takes at a time: what belongs to them shares lines */
    BLOCK = 1 << 16,     /* states that are expanded before the new ones are sorted */
    FIRST_SLOTS = 1 << 14,
    FIRST_VALUES = 16,   /* places for the values of a lane */
    SPARE = 32,          /* bits of a key that end a series of rewrites */
    RECENT = 1 << 11,    /* recent keys of a thread: four steps of ten lead to one of them */
    AHEAD = 12,          /* distance of prefetches */
    FIRST_SETTLED = 1 << 10, /* states that are settled at a time, at least */
    CHUNK = 1 << 16,         /* and at most */
};

/* Of a state is asked which invariants fail, and what puts others to the test. */
enum { ASKED = INVARIANTS + TESTS };

enum { UNDER_WAY, COMPLETE, MAX_STATES, BOUND, NO_MEMORY, NO_DISK };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- lanes: each value of sixteen bytes has a number ------------------------------------------- */

/* A field that one thread writes often and others read has a cache line of its own. */
#define APART _Alignas(64)

enum { LANES = CELLS / 16, MOST_LIMBS = LANES / 2 + 1 };

struct sixteen {
    uint64_t low, high;
} __attribute__((may_alias));

static inline int is_same(struct sixteen a, struct sixteen b) {
    return !((a.low ^ b.low) | (a.high ^ b.high));
}

static const struct sixteen *lanes_of(const struct state *s) { return (const struct sixteen *)s; }

struct value {
    struct sixteen raw;
    _Atomic uint32_t number;    /* its number + 1; 0 if the place is empty */
};

struct lane {
    struct value *values;       /* open addressing */
    struct sixteen *raw;        /* by number */
    uint32_t last;              /* places for values, a power of two, minus 1 */
    uint32_t count;
    uint32_t mask;              /* as many bits as a number has in a key */
    uint8_t limb, shift;        /* the place of these bits */
};

/* The layout of keys: the number of limbs, and the bits for the number of each lane. */
struct layout {
    uint8_t limbs, width[LANES];
};

static inline uint32_t value_home(const struct lane *l, struct sixteen raw) {
    const uint64_t hash = raw.low * UINT64_C(0x9e3779b97f4a7c15) ^ raw.high * UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(hash >> 32 ^ hash >> 42) & l->last;
}

/* --- the table: from keys to numbers and back -------------------------------------------------- */

struct table {
    APART uint64_t *keys;       /* by number, each of several limbs */
    _Atomic uint32_t *slots;    /* open addressing: 0, or a number - base + 1 below bits of the hash */
    uint32_t size;              /* slots */
    uint32_t mask;              /* the bits of a slot that hold the number */
    uint32_t limbs;
    uint32_t base;              /* states with a smaller number are settled: they have no slot */
    APART _Atomic uint32_t count;
};

static uint64_t *key_of(const struct table *t, uint32_t number) {
    return t->keys + (size_t)number * t->limbs;
}

static int same_key(const struct table *t, const uint64_t *a, const uint64_t *b) {
    uint64_t differ = a[0] ^ b[0];
    for (uint32_t i = 1; i < t->limbs; i++) differ |= a[i] ^ b[i];
    return !differ;
}

static uint64_t hash_of_key(const struct table *t, const uint64_t *key) {
    uint64_t hash = key[0];
    for (uint32_t i = 1; i < t->limbs; i++)
        hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15) ^ key[i];
    return mixed(hash);
}

static uint32_t home(const struct table *t, uint64_t hash) {
    return (uint32_t)((hash >> 32) * t->size >> 32);
}

static uint32_t tag_of(const struct table *t, uint64_t hash) { return (uint32_t)hash & ~t->mask; }

static uint32_t slot_for(const struct table *t, uint32_t tag, uint32_t number) {
    return tag | (number - t->base + 1);
}

static uint32_t number_of_slot(const struct table *t, uint32_t slot) {
    return (slot & t->mask) - 1 + t->base;
}

/* The table grows beyond this count; the rest has room for what threads add before they notice. */
static uint32_t comfortable(const struct table *t) { return (uint32_t)((uint64_t)t->size * 13 >> 4); }

static size_t slot_bytes(uint32_t size) { return sizeof(uint32_t) * (size_t)size; }

static int table_slots(struct table *t, uint32_t size) {
    t->slots = reserve(slot_bytes(size));
    t->size = size;
    t->mask = UINT32_MAX >> __builtin_clz(size);
    return t->slots != NULL;
}

/* Return the number of a key, and its slot in *place. A new key takes the number *spare, which
   becomes NOTHING. */
static inline uint32_t table_put(struct table *t, const uint64_t *key, uint64_t hash,
                                 uint32_t *spare, uint32_t *place) {
    const uint32_t mask = t->mask, tag = tag_of(t, hash);
    for (uint32_t at = home(t, hash);; at = at + 1 < t->size ? at + 1 : 0) {
        uint32_t slot = atomic_load_explicit(&t->slots[at], memory_order_acquire);
        if (!slot) {
            const uint32_t number = *spare;
            memcpy(key_of(t, number), key, t->limbs * sizeof *key);
            if (atomic_compare_exchange_strong_explicit(&t->slots[at], &slot,
                                                        slot_for(t, tag, number),
                                                        memory_order_release,
                                                        memory_order_acquire)) {
                *spare = NOTHING;
                *place = at;
                return number;
            }
            *key_of(t, number) = NO_KEY;
        }
        if ((slot & ~mask) == tag) {
            const uint32_t number = number_of_slot(t, slot);
            if (same_key(t, key_of(t, number), key)) return number;
        }
    }
}

static void fetch_slot(const struct table *t, uint64_t hash) {
    __builtin_prefetch((const void *)&t->slots[home(t, hash)]);
}

/* Prefetch the key of a slot that is in the cache already. */
static void fetch_key(const struct table *t, uint64_t hash) {
    const uint32_t slot = t->slots[home(t, hash)];
    if (slot && (slot & ~t->mask) == tag_of(t, hash))
        __builtin_prefetch(key_of(t, number_of_slot(t, slot)));
}

/* --- the search --------------------------------------------------------------------------------- */

/* The state after a step. */
struct successor {
    struct state state;
    uint64_t key[MOST_LIMBS];
    uint64_t asked;             /* what is asked of a state and reads a changed lane */
    uint64_t hash, order;
};

struct worker {
    APART struct search *search;
    pthread_t thread;
    uint32_t at, end;                   /* the states of its slice still to be expanded */
    uint32_t spare, spare_end;          /* the numbers for new states that it has taken */
    uint32_t parent, steps;             /* the state that it expands, steps from it so far */
    uint32_t waiting;                   /* successors in the batch */
    struct successor *batch;
    uint64_t *recent;                   /* keys of recent successors, by their hashes */
    int is_stuck;                       /* a number needs more bits than it has in a key */
    struct state before;                /* the state that it expands */
    uint32_t numbers[LANES];            /* the numbers of its lanes, or NOTHING */
    uint64_t key[MOST_LIMBS];
    uint64_t taken[TAKEN_WORDS];        /* the actions that were taken, a bit for each */
    uint64_t ran[RAN_WORDS];            /* the functions with sites that were executed */
    uint32_t site_parent[SITES];        /* the first state from which a step reaches the site */
    uint32_t bound_parent, bound_site;  /* the same for the bounds of the run, and the bound */
    struct successor *listing;          /* the successors of one state, if these are to be listed */
    struct graph *graph;                /* the graph, if steps are to be added to it */
    uint32_t from, to;                  /* its part of work that is split evenly */
};

/* A value of a lane, in the order of discovery. */
struct entry {
    struct sixteen raw;
    uint64_t lane;
};

/* A finished block. States are in the order of their parents, so a parent takes two bits. */
struct block {
    uint32_t begin, known;      /* its first parent, its first new state */
    uint64_t at;                /* its first word in `children` */
};

struct search {
    struct table states;
    struct lane lanes[LANES];
    struct layout layout;       /* the layout of keys */
    struct lane was[LANES];     /* the places of lanes in keys of `limbs_before` limbs, before */
    uint32_t limbs_before;
    uint32_t rewritten;         /* the states when keys were rewritten last */
    struct entry *entries;      /* the values in the order of discovery */
    uint32_t entry_count;
    pthread_mutex_t meeting;    /* held to give a value a number */
    uint64_t *children;         /* of every block in unary: a 1 for a new state, a 0 for the next
                                   parent */
    struct block *blocks;
    uint32_t block_count;
    uint64_t child_words;       /* words of `children` in use */
    uint64_t *order;            /* of the new states: parent << 16 | first step that leads here */
    uint64_t *failing;          /* of the new states: the invariants that fail */
    uint32_t *slot_of;          /* of the new states: their slots */
    uint32_t *place;            /* the new states in order */
    uint64_t *moved;            /* their keys in order */
    uint16_t *fanout;           /* of every state of this block: its steps */
    struct disk disk;           /* the file with the keys, if they are on disk */
    uint64_t disk_room;         /* states for which it has room */
    struct settled settled;
    uint32_t settling, chunk;   /* the states that are being settled: the first one, their number */
    uint32_t *word_numbers;     /* of these: the numbers of their limbs */
    uint64_t most;              /* states for which addresses are reserved */
    uint64_t max_states;        /* a limit */
    int64_t max_depth;          /* a bound, or -1 */
    uint32_t threads;
    uint32_t begin, end;        /* the block: these numbers */
    uint32_t layer_end;         /* the layer ends before this number */
    uint32_t known;             /* states with a smaller number were known before the block */
    APART _Atomic uint64_t next; /* the first state of the block that no thread has taken */
    APART _Atomic int grow;     /* all threads stop so that a table can grow */
    _Atomic int halt;           /* a limit is near: no thread takes another slice */
    uint64_t asked;             /* the invariants that have held in every state */
    uint64_t transitions;
    int64_t depth;
    uint64_t queue;
    int status;
    uint32_t limit_site;
    uint64_t taken[TAKEN_WORDS], ran[RAN_WORDS];   /* before this process, of a search that resumes */
    uint32_t site_parent[SITES];
    uint32_t property_state[ASKED];
    uint64_t largest_block;       /* of new states */
    struct worker *workers;
};

static void together(struct search *x, uint32_t threads, void *(*run)(void *)) {
    uint32_t started = 1;
    while (started < threads &&
           !pthread_create(&x->workers[started].thread, NULL, run, &x->workers[started]))
        started++;
    run(&x->workers[0]);
    for (uint32_t i = 1; i < started; i++) pthread_join(x->workers[i].thread, NULL);
    /* this thread does the work of threads that the system did not start */
    for (uint32_t i = started; i < threads; i++) run(&x->workers[i]);
}

/* Split the numbers below `count` evenly and run on every part. */
static void share_among(struct search *x, uint32_t threads, uint32_t count, void *(*run)(void *)) {
    for (uint32_t i = 0; i < threads; i++) {
        x->workers[i].from = (uint32_t)((uint64_t)count * i / threads);
        x->workers[i].to = (uint32_t)((uint64_t)count * (i + 1) / threads);
    }
    together(x, threads, run);
}

/* Return the threads for so many items: one if they are few. */
static uint32_t threads_for(const struct search *x, uint32_t count) {
    return count < 4096 ? 1 : x->threads;
}

static void share(struct search *x, uint32_t count, void *(*run)(void *)) {
    share_among(x, threads_for(x, count), count, run);
}

/* --- growth ----------------------------------------------------------------------------------- */

static void *reinsert(void *argument) {
    struct worker *w = argument;
    struct search *x = w->search;
    struct table *t = &x->states;
    const uint32_t from = t->base + w->from, to = t->base + w->to;
    uint64_t hashes[AHEAD];
    for (uint32_t number = from; number < to + AHEAD; number++) {
        uint64_t *hash = &hashes[number % AHEAD];
        if (number >= from + AHEAD && *key_of(t, number - AHEAD) != NO_KEY) {
            const uint32_t slot = slot_for(t, tag_of(t, *hash), number - AHEAD);
            uint32_t at = home(t, *hash);
            for (uint32_t empty = 0;
                 !atomic_compare_exchange_strong_explicit(&t->slots[at], &empty, slot,
                                                          memory_order_relaxed,
                                                          memory_order_relaxed);
                 empty = 0)
                at = at + 1 < t->size ? at + 1 : 0;
            if (number - AHEAD >= x->known) x->slot_of[number - AHEAD - x->known] = at;
        }
        if (number < to) {
            *hash = hash_of_key(t, key_of(t, number));
            fetch_slot(t, *hash);
        }
    }
    return NULL;
}

/* Make the slots anew; return 0 if there is no memory. */
static int new_slots(struct search *x, uint32_t size) {
    struct table *t = &x->states;
    munmap((void *)t->slots, slot_bytes(t->size));
    if (!table_slots(t, size)) return 0;
    share(x, t->count - t->base, reinsert);
    return 1;
}

static int grow(struct search *x) {
    const struct table *t = &x->states;
    while (t->count - t->base > comfortable(t)) {
        /* grow by a half, then by a third: the sizes are powers of two and three halves of these */
        const uint64_t size = t->size & (t->size - 1) ? (uint64_t)t->size / 3 * 4
                                                      : (uint64_t)t->size / 2 * 3;
        if (size > x->most || !new_slots(x, (uint32_t)size)) return 0;
    }
    return 1;
}

static int is_on_disk(const struct search *x) { return x->disk.file >= 0; }

/* Return the numbers that threads take before they notice that there is no room for more. */
static uint64_t overrun(const struct search *x) {
    return x->threads * (UINT64_C(2) * BRANCHING + BATCH + TAKEN);
}

/* Make room on disk for so many states and some more; return 0 if the disk is full. */
static int extend(struct search *x, uint64_t states) {
    if (!is_on_disk(x)) return 1;
    const uint64_t key_bytes = x->states.limbs * sizeof *x->states.keys;
    if (!allocate(&x->disk, (states + 2 * overrun(x)) * key_bytes)) return 0;
    x->disk_room = x->disk.bytes / key_bytes - overrun(x);
    return 1;
}

/* Leave states to the disk, if that has them. The system has mapped pages around those that were
   touched, also before them. */
static void leave(const struct search *x, uint32_t from, uint32_t to) {
    if (!is_on_disk(x)) return;
    const char *first = (const char *)x->states.keys, *begin = (const char *)key_of(&x->states, from);
    put_away(begin - first > HUGE ? begin - HUGE : first, key_of(&x->states, to));
}

/* --- settled states ------------------------------------------------------------------------------- */

/* Number the values of a worker's limbs in the states that are being settled. */
static void *number_words(void *argument) {
    struct worker *w = argument;
    struct search *x = w->search;
    const struct table *t = &x->states;
    for (uint32_t limb = w->from; limb < w->to; limb++) {
        struct words *words = &x->settled.words[limb];
        const uint64_t *value = key_of(t, x->settling) + limb;
        for (uint32_t i = 0; i < x->chunk; i++, value += t->limbs) {
            if (i + AHEAD < x->chunk) fetch_word(words, value[AHEAD * t->limbs]);
            const uint32_t number = word_number(words, *value);
            x->word_numbers[i * t->limbs + limb] = number;
            if (!number) x->settled.is_full = 1;
        }
    }
    return NULL;
}

/* Insert the states that belong to a worker's parts of the table. */
static void *fill_parts(void *argument) {
    struct worker *w = argument;
    struct search *x = w->search;
    struct settled *s = &x->settled;
    const uint64_t begin = first_bucket(s, w->from), end = first_bucket(s, w->to);
    uint64_t rests[AHEAD], buckets[AHEAD];
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < x->chunk; i++) {
        uint64_t bucket;
        const uint64_t rest = split(s, x->word_numbers + (size_t)i * s->limbs, &bucket);
        if (bucket < begin || bucket >= end) continue;
        const uint32_t k = waiting++ % AHEAD;
        if (waiting > AHEAD && !insert(s, rests[k], buckets[k])) s->is_full = 1;
        rests[k] = rest;
        buckets[k] = bucket;
        fetch_bucket(s, bucket);
    }
    for (uint32_t i = waiting > AHEAD ? waiting - AHEAD : 0; i < waiting; i++)
        if (!insert(s, rests[i % AHEAD], buckets[i % AHEAD])) s->is_full = 1;
    return NULL;
}

/* Settle the states from .. to. If the table has to be made anew, that begins with the first state.
   Return 0 without memory. */
static int settle(struct search *x, uint32_t from, uint32_t to) {
    struct settled *s = &x->settled;
    const struct table *t = &x->states;
    for (uint32_t at = from; at < to;) {
        x->settling = at;
        x->chunk = to - at < CHUNK ? to - at : CHUNK;
        const uint32_t next = at + x->chunk, threads = threads_for(x, x->chunk);
        read_ahead(key_of(t, next), key_of(t, to - next < CHUNK ? to : next + CHUNK));
        share_among(x, threads < s->limbs ? threads : s->limbs, s->limbs, number_words);
        if (s->is_full) return 0;
        if (!is_fit(s, next)) {
            if (!reshape(s, to)) return 0;
            at = 0;
            continue;
        }
        share_among(x, threads, PARTS, fill_parts);
        if (s->is_full) return 0;
        leave(x, at, next);
        at = next;
    }
    return 1;
}

/* Settle all states, if they are on disk and enough. Return 0 without memory. */
static int settle_all(struct search *x) {
    struct table *t = &x->states;
    if (!is_on_disk(x) || t->count - t->base < FIRST_SETTLED) return 1;
    if (!settle(x, t->base, t->count)) return 0;
    t->base = t->count;
    memset((void *)t->slots, 0, slot_bytes(t->size));
    return 1;
}

/* Return which successors of the batch are not settled, a bit for each. */
static uint32_t unsettled(const struct worker *w) {
    const struct settled *s = &w->search->settled;
    uint64_t rests[BATCH], buckets[BATCH];
    uint32_t numbers[MOST_LIMBS], open = 0;
    for (uint32_t i = 0; i < w->waiting; i++) {
        const uint64_t *key = w->batch[i].key;
        int is_new = 0;
        for (uint32_t k = 0; k < s->limbs; k++) {
            if (!i || key[k] != w->batch[i - 1].key[k]) numbers[k] = word_at(&s->words[k], key[k])->number;
            is_new |= !numbers[k];
        }
        if (is_new) {
            open |= UINT32_C(1) << i;
        } else {
            rests[i] = split(s, numbers, &buckets[i]);
            fetch_bucket(s, buckets[i]);
        }
    }
    for (uint32_t i = 0; i < w->waiting; i++)
        if (!(open >> i & 1) && !has(s, rests[i], buckets[i])) open |= UINT32_C(1) << i;
    return open;
}

/* --- the bits of keys ----------------------------------------------------------------------------- */

/* Place the numbers of the lanes in a key; return 0 if the layout has too few limbs. */
static int place_lanes(const struct layout *y, struct lane *lanes) {
    uint8_t used[MOST_LIMBS] = {0};
    for (int i = 0; i < LANES; i++) {
        int limb = 0;
        /* the first limb leaves one bit unused, so no key equals NO_KEY */
        while (limb < y->limbs && used[limb] + y->width[i] > 64 - !limb) limb++;
        if (limb == y->limbs) return 0;
        lanes[i].mask = (UINT32_C(1) << y->width[i]) - 1;
        lanes[i].limb = (uint8_t)limb;
        lanes[i].shift = used[limb] & 63;
        used[limb] += y->width[i];
    }
    return 1;
}

static inline uint32_t number_in(const uint64_t *key, const struct lane *l) {
    return (uint32_t)(key[l->limb] >> l->shift) & l->mask;
}

/* Give every lane the bits that its numbers need, and the remaining bits to the fullest lanes; at
   least so many remain. */
static void choose_layout(struct search *x, uint32_t spare) {
    struct layout *y = &x->layout;
    uint8_t is_done[LANES] = {0};
    uint32_t bits = spare;
    for (int i = 0; i < LANES; i++) {
        const uint32_t count = x->lanes[i].count;
        y->width[i] = count > 1 ? 32 - __builtin_clz(count - 1) : 0;
        bits += y->width[i];
    }
    while (bits > UINT32_C(64) * y->limbs || !place_lanes(y, x->lanes)) y->limbs++;
    for (;;) {
        int fullest = -1;
        double most = 0;
        for (int i = 0; i < LANES; i++) {
            /* a lane with a single value comes last */
            const uint32_t count = x->lanes[i].count;
            const double full = (count > 1 ? count : 0.1) / (double)(UINT64_C(1) << y->width[i]);
            if (!is_done[i] && full > most) fullest = i, most = full;
        }
        if (fullest < 0) break;
        y->width[fullest]++;
        if (y->width[fullest] > 31 || !place_lanes(y, x->lanes)) {
            y->width[fullest]--;
            is_done[fullest] = 1;
        }
    }
    place_lanes(y, x->lanes);
    x->states.limbs = y->limbs;
}

/* Rewrite the key `old`, whose layout is x->was, in the present layout. */
static void rewrite_key(struct search *x, const uint64_t *old, uint32_t number) {
    uint64_t key[MOST_LIMBS] = {0};
    if (old[0] == NO_KEY) key[0] = NO_KEY;
    else
        for (int i = 0; i < LANES; i++)
            key[x->lanes[i].limb] |= (uint64_t)number_in(old, &x->was[i]) << x->lanes[i].shift;
    memcpy(key_of(&x->states, number), key, x->states.limbs * sizeof *key);
}

static void *rewrite(void *argument) {
    struct worker *w = argument;
    struct search *x = w->search;
    /* from the last to the first: keys become longer, never shorter */
    for (uint32_t number = w->to; number-- > w->from;) {
        rewrite_key(x, x->states.keys + (size_t)number * x->limbs_before, number);
        if (number % CHUNK == 0) leave(x, number, number + CHUNK);
    }
    return NULL;
}

static void forget(struct worker *w) {
    memset(w->recent, 0xff, RECENT * MOST_LIMBS * sizeof *w->recent);
}

static int lane_new(struct lane *l, uint32_t places) {
    free(l->values);
    l->values = calloc(places, sizeof *l->values);
    struct sixteen *raw = realloc(l->raw, places * sizeof *l->raw);
    if (raw) l->raw = raw;
    if (!l->values || !raw) return 0;
    l->last = places - 1;
    for (uint32_t n = 0; n < l->count; n++) {
        uint32_t at = value_home(l, l->raw[n]);
        while (l->values[at].number) at = (at + 1) & l->last;
        l->values[at].raw = l->raw[n];
        l->values[at].number = n + 1;
    }
    return 1;
}

/* Return whether a lane has no room for another value. */
static int is_full(const struct lane *l) { return l->count > l->last / 2; }

/* Make room for values and their numbers; return the status of the search. */
static int widen(struct search *x) {
    struct table *t = &x->states;
    const struct layout before = x->layout;
    int is_wide = 1;
    for (int i = 0; i < LANES; i++) {
        struct lane *l = &x->lanes[i];
        is_wide &= l->count - 1 <= l->mask;
        if (is_full(l) && !lane_new(l, 4 * (l->last + 1))) return NO_MEMORY;
    }
    if (is_wide) return UNDER_WAY;
    memcpy(x->was, x->lanes, sizeof x->was);
    x->limbs_before = t->limbs;
    /* with few spare bits, keys that were rewritten not long ago would be again soon */
    choose_layout(x, t->count > BLOCK && t->count / 5 < x->rewritten / 4 ? SPARE : 0);
    if (!extend(x, t->count)) {
        /* the states keep their keys, and the search can be saved */
        memcpy(x->lanes, x->was, sizeof x->was);
        x->layout = before;
        t->limbs = x->limbs_before;
        return NO_DISK;
    }
    if (t->limbs == x->limbs_before) {
        share(x, t->count, rewrite);
    } else {
        x->workers[0].from = 0;
        x->workers[0].to = t->count;
        rewrite(&x->workers[0]);
    }
    x->rewritten = t->count;
    for (uint32_t i = 0; i < x->threads; i++) forget(&x->workers[i]);
    if (!new_slots(x, t->size)) return NO_MEMORY;
    if (!is_on_disk(x)) return UNDER_WAY;
    return settled_new(&x->settled, t->limbs) && settle(x, 0, t->base) ? UNDER_WAY : NO_MEMORY;
}

/* --- from a state to its successors --------------------------------------------------------------- */

/* Give a value of a lane a number; return NOTHING if there is no room. */
static uint32_t meet(struct search *x, struct lane *l, struct sixteen raw) {
    uint32_t number = NOTHING, at = value_home(l, raw);
    pthread_mutex_lock(&x->meeting);
    for (; l->values[at].number; at = (at + 1) & l->last)
        if (is_same(l->values[at].raw, raw)) number = l->values[at].number - 1;
    if (number == NOTHING && !is_full(l)) {
        number = l->count++;
        l->raw[number] = l->values[at].raw = raw;
        x->entries[x->entry_count++] = (struct entry){raw, (uint64_t)(l - x->lanes)};
        atomic_store_explicit(&l->values[at].number, number + 1, memory_order_release);
    }
    pthread_mutex_unlock(&x->meeting);
    return number;
}

/* Return the number of a value of a lane; NOTHING if the lane or the key has no room for it. */
static inline uint32_t number_of(struct search *x, struct lane *l, struct sixteen raw) {
    uint32_t number = NOTHING;
    for (uint32_t at = value_home(l, raw);; at = (at + 1) & l->last) {
        const uint32_t found = atomic_load_explicit(&l->values[at].number, memory_order_acquire);
        if (found && !is_same(l->values[at].raw, raw)) continue;
        number = found ? found - 1 : meet(x, l, raw);
        return number <= l->mask ? number : NOTHING;
    }
}

/* Compute the key of a successor of w->before; return 0 if both are equal, or if a number has no
   room in the key. */
static inline int key_from_before(struct worker *w, struct successor *c) {
    struct search *x = w->search;
    const struct sixteen *now = lanes_of(&c->state), *then = lanes_of(&w->before);
    int is_other = 0;
    memcpy(c->key, w->key, x->states.limbs * sizeof *c->key);
    /* what holds in the first state counts as tested in those after it only */
    c->asked = w->parent ? 0 : ~UINT64_C(0);
    for (int i = 0; i < LANES; i++) {
        if (is_same(now[i], then[i])) continue;
        struct lane *l = &x->lanes[i];
        const uint32_t number = number_of(x, l, now[i]);
        if (number == NOTHING) {
            w->is_stuck = 1;
            return 0;
        }
        c->key[l->limb] ^= (uint64_t)(number ^ w->numbers[i]) << l->shift;
        c->asked |= read_by[i];
        is_other = 1;
    }
    return is_other;
}

/* Turn the state in *s, with the numbers of its lanes, into the state with this number. */
static void load(const struct search *x, uint32_t number, uint32_t *numbers, struct state *s) {
    const uint64_t *key = key_of(&x->states, number);
    for (int i = 0; i < LANES; i++) {
        const uint32_t n = number_in(key, &x->lanes[i]);
        if (n == numbers[i]) continue;
        numbers[i] = n;
        ((struct sixteen *)s)[i] = x->lanes[i].raw[n];
    }
    s->wrong = 0;
}

static void lower(uint64_t *place, uint64_t value) {
    _Atomic uint64_t *shared = (_Atomic uint64_t *)place;
    uint64_t found = atomic_load_explicit(shared, memory_order_relaxed);
    while (value < found &&
           !atomic_compare_exchange_weak_explicit(shared, &found, value, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

/* Take numbers for new states. Those that no state gets are dropped at the end of the block. */
static void take(struct worker *w) {
    struct search *x = w->search;
    w->spare = atomic_fetch_add_explicit(&x->states.count, TAKEN, memory_order_relaxed);
    w->spare_end = w->spare + TAKEN;
    if (w->spare_end - x->states.base > comfortable(&x->states) || w->spare_end > x->disk_room)
        atomic_store(&x->grow, 1);
    if (w->spare >= x->max_states + x->threads * TAKEN) atomic_store(&x->halt, 1);
    for (uint32_t number = w->spare; number < w->spare_end; number++) {
        *key_of(&x->states, number) = NO_KEY;
        x->order[number - x->known] = LATEST;
        x->failing[number - x->known] = 0;
    }
}

static void put(struct worker *w, const struct successor *c) {
    struct search *x = w->search;
    if (w->spare == w->spare_end) take(w);
    uint32_t spare = w->spare, place;
    const uint32_t number = table_put(&x->states, c->key, c->hash, &spare, &place);
    if (number < x->known) return;
    lower(&x->order[number - x->known], c->order);
    if (spare != NOTHING) return;
    w->spare++;
    x->slot_of[number - x->known] = place;
    const uint64_t asked = x->asked & c->asked;
    if (asked) x->failing[number - x->known] = broken(&c->state, asked);
}

static void flush(struct worker *w) {
    const struct table *t = &w->search->states;
    const uint32_t open = t->base ? unsettled(w) : UINT32_MAX;
    for (uint32_t i = 0; i < w->waiting; i++)
        if (open >> i & 1) fetch_key(t, w->batch[i].hash);
    for (uint32_t i = 0; i < w->waiting; i++)
        if (open >> i & 1) put(w, &w->batch[i]);
    w->waiting = 0;
}

static inline struct successor *next_successor(struct worker *w) {
    return w->listing ? &w->listing[w->steps] : &w->batch[w->waiting];
}

static inline struct state *successor(struct worker *w, const struct state *s) {
    struct state *t = &next_successor(w)->state;
    *t = *s;
    return t;
}

static void add_step(struct worker *w, struct successor *c, uint32_t group);

static void reached(struct worker *w, uint32_t action, uint32_t group) {
    struct successor *c = next_successor(w);
    const uint32_t wrong = c->state.wrong;
    for (uint32_t i = 0; i < RAN_WORDS; i++) w->ran[i] |= c->state.ran[i];
    if (wrong == GUARD_FAILED) return;
    w->taken[action / 64] |= UINT64_C(1) << action % 64;
    if (w->graph) {
        add_step(w, c, group);
        return;
    }
    const uint32_t step = w->steps++;
    if (w->listing) {
        c->order = action;
        return;
    }
    if (wrong == OUT_OF_RANGE || (wrong && is_bound[wrong])) {
        if (w->parent <= w->bound_parent) {
            w->bound_parent = w->parent;
            w->bound_site = wrong;
        }
        atomic_store(&w->search->halt, 1);
        return;
    }
    if (wrong) {
        if (w->parent < w->site_parent[wrong]) w->site_parent[wrong] = w->parent;
        return;
    }
    if (SYMMETRIC) canonical(&c->state);
    if (!key_from_before(w, c)) return;
    const struct table *t = &w->search->states;
    c->hash = hash_of_key(t, c->key);
    /* a recent key came from an earlier step of this thread, which precedes this one in order */
    uint64_t *recent = w->recent + (c->hash & (RECENT - 1)) * t->limbs;
    if (same_key(t, recent, c->key)) return;
    memcpy(recent, c->key, t->limbs * sizeof *recent);
    fetch_slot(t, c->hash);
    for (uint32_t i = 0; t->base && i < t->limbs; i++)
        if (c->key[i] != w->key[i]) fetch_word(&w->search->settled.words[i], c->key[i]);
    c->order = (uint64_t)w->parent << 16 | step;
    if (++w->waiting == BATCH) flush(w);
}

static void *work(void *argument) {
    struct worker *w = argument;
    struct search *x = w->search;
    for (;;) {
        for (; w->at < w->end; w->at++) {
            if (atomic_load_explicit(&x->grow, memory_order_relaxed)) goto pause;
            load(x, w->at, w->numbers, &w->before);
            memcpy(w->key, key_of(&x->states, w->at), x->states.limbs * sizeof *w->key);
            w->parent = w->at;
            w->steps = 0;
            expand(w, &w->before);
            if (w->is_stuck) {
                /* expand this state again once there is room */
                w->is_stuck = 0;
                atomic_store(&x->grow, 1);
                goto pause;
            }
            x->fanout[w->at - x->begin] = (uint16_t)w->steps;
        }
        if (atomic_load_explicit(&x->halt, memory_order_relaxed)) break;
        const uint64_t at = atomic_fetch_add_explicit(&x->next, SLICE, memory_order_relaxed);
        if (at >= x->end) break;
        w->at = (uint32_t)at;
        w->end = at + SLICE < x->end ? (uint32_t)at + SLICE : x->end;
    }
pause:
    flush(w);
    return NULL;
}

/* --- the end of a block --------------------------------------------------------------------------- */

/* Begin the next block of the layer, or of the next layer, or end the search. */
static void begin_block(struct search *x) {
    x->begin = x->end;
    x->known = atomic_load(&x->states.count);
    if (x->begin == x->layer_end) {
        x->queue = x->known - x->begin;
        if (x->queue) x->depth++;
        if (!x->queue || x->depth == x->max_depth) x->status = COMPLETE;
        x->layer_end = x->known;
    }
    x->end = x->layer_end - x->begin > BLOCK ? x->begin + BLOCK : x->layer_end;
    atomic_store(&x->next, x->begin);
    memset(x->fanout, 0, (size_t)(x->end - x->begin) * sizeof *x->fanout);
    if (is_on_disk(x)) read_ahead(key_of(&x->states, x->begin), key_of(&x->states, x->end));
}

/* Sort the new states by the first steps that lead to them into x->place; return their number.
   A counting sort by parent, then an insertion sort, because a parent has few steps. */
static uint32_t sort(struct search *x, uint32_t count) {
    const uint32_t parents = x->end - x->begin;
    uint32_t *first = calloc((size_t)parents + 1, sizeof *first);
    if (!first) return NOTHING;
    for (uint32_t i = 0; i < count; i++)
        if (x->order[i] != LATEST) first[(x->order[i] >> 16) - x->begin + 1]++;
    for (uint32_t i = 0; i < parents; i++) first[i + 1] += first[i];
    const uint32_t sorted = first[parents];
    for (uint32_t i = 0; i < count; i++) {
        if (x->order[i] == LATEST) continue;
        x->place[first[(x->order[i] >> 16) - x->begin]++] = i;
    }
    free(first);
    for (uint32_t r = 1; r < sorted; r++) {
        const uint32_t place = x->place[r];
        uint32_t at = r;
        for (; at && x->order[x->place[at - 1]] > x->order[place]; at--) x->place[at] = x->place[at - 1];
        x->place[at] = place;
    }
    return sorted;
}

/* Copy the keys in order before any of them moves. */
static void *collect(void *argument) {
    struct worker *w = argument;
    struct search *x = w->search;
    for (uint32_t r = w->from; r < w->to; r++)
        memcpy(x->moved + (size_t)r * x->states.limbs, key_of(&x->states, x->known + x->place[r]),
               x->states.limbs * sizeof *x->moved);
    return NULL;
}

static void *renumber(void *argument) {
    struct worker *w = argument;
    struct search *x = w->search;
    struct table *t = &x->states;
    for (uint32_t r = w->from; r < w->to; r++) {
        if (r + AHEAD < w->to)
            __builtin_prefetch((const void *)&t->slots[x->slot_of[x->place[r + AHEAD]]], 1);
        const uint32_t place = x->place[r], number = x->known + r;
        if (place == r) continue;
        memcpy(key_of(t, number), x->moved + (size_t)r * t->limbs, t->limbs * sizeof *t->keys);
        const uint32_t at = x->slot_of[place];
        t->slots[at] = slot_for(t, t->slots[at] & ~t->mask, number);
    }
    return NULL;
}

/* Record the parents of the new states. */
static void adopt(struct search *x, uint32_t sorted) {
    if (!sorted) return;
    x->blocks[x->block_count++] = (struct block){x->begin, x->known, x->child_words};
    uint64_t *bits = x->children + x->child_words, last = 0;
    for (uint32_t r = 0; r < sorted; r++) {
        last = r + (x->order[x->place[r]] >> 16) - x->begin;
        bits[last / 64] |= UINT64_C(1) << last % 64;
    }
    x->child_words += last / 64 + 1;
}

/* Return the first state of the block after which a limit is reached, and set the status. */
static uint32_t limit(struct search *x, uint32_t sorted) {
    uint32_t last = NOTHING;
    for (uint32_t i = 0; i < x->threads; i++) {
        const struct worker *w = &x->workers[i];
        if (w->bound_parent < last) {
            last = w->bound_parent;
            x->limit_site = w->bound_site;
            x->status = BOUND;
        }
    }
    if ((uint64_t)x->known + sorted >= x->max_states) {
        const uint64_t needed = x->max_states > x->known ? x->max_states - x->known : 0;
        const uint32_t parent = needed ? (uint32_t)(x->order[x->place[needed - 1]] >> 16) : x->begin;
        if (parent < last) {
            last = parent;
            x->status = MAX_STATES;
        }
    }
    return last;
}

/* Sort the new states and begin the next block. What lies behind a limit is dropped, so the
   result does not depend on the progress of the threads. */
static void finish_block(struct search *x) {
    for (uint32_t i = 0; i < x->threads; i++) x->workers[i].spare = x->workers[i].spare_end;
    const uint32_t added = atomic_load(&x->states.count) - x->known;
    uint32_t sorted = sort(x, added);
    const uint64_t words = x->child_words + (sorted + x->end - x->begin) / 64 + 1;
    if (sorted == NOTHING || words > x->most / 16 || x->block_count == x->most / 64) {
        x->status = NO_MEMORY;
        atomic_store(&x->states.count, x->known);
        return;
    }
    if (added > x->largest_block) x->largest_block = added;
    const uint32_t last = limit(x, sorted);
    while (sorted && (x->order[x->place[sorted - 1]] >> 16) > last) sorted--;
    for (uint32_t i = x->begin; i < x->end && i <= last; i++) x->transitions += x->fanout[i - x->begin];
    for (uint32_t k = 0; k < SITES; k++)
        for (uint32_t i = 0; i < x->threads; i++) {
            const uint32_t parent = x->workers[i].site_parent[k];
            if (parent <= last && parent < x->site_parent[k]) x->site_parent[k] = parent;
        }
    for (uint32_t r = 0; r < sorted && x->asked; r++)
        for (uint64_t found = x->failing[x->place[r]] & x->asked; found; found &= found - 1) {
            x->property_state[__builtin_ctzll(found)] = x->known + r;
            x->asked &= ~(found & -found);
        }
    adopt(x, sorted);
    share(x, sorted, collect);
    share(x, sorted, renumber);
    atomic_store(&x->states.count, x->known + sorted);
    leave(x, x->begin, x->end);
    if (x->status != UNDER_WAY) return;
    begin_block(x);
    if (x->status == UNDER_WAY && !settle_all(x)) x->status = NO_MEMORY;
}

/* --- the interface for Python --------------------------------------------------------------------- */

struct report {
    uint64_t states, transitions, queue, bytes;
    int64_t depth;
    double load;
    int32_t status;
    uint32_t limit_site;
};

void wakeproof_free(struct search *x);

/* Create a search from one state, with the keys in a file unless that is negative; the table of
   settled states has so many bytes at most. Return NULL if there is no memory. */
struct search *wakeproof_new(const uint8_t *initial, uint32_t threads, uint64_t max_states,
                             int64_t max_depth, uint64_t most, int file, uint64_t most_bytes) {
    struct search *x = aligned_alloc(64, sizeof *x);
    if (!x) return NULL;
    memset(x, 0, sizeof *x);
    x->threads = threads > MOST_THREADS ? MOST_THREADS : threads;
    x->workers = aligned_alloc(64, x->threads * sizeof *x->workers);
    if (x->workers) memset(x->workers, 0, x->threads * sizeof *x->workers);
    x->most = most;
    x->disk.file = file;
    x->disk_room = most;
    x->settled.most_bytes = most_bytes;
    x->max_states = max_states;
    x->max_depth = max_depth;
    uint32_t size = FIRST_SLOTS;
    /* room for what threads add to a table before they notice that it must grow */
    while (size / 8 < (uint64_t)x->threads * (BRANCHING + BATCH + TAKEN)) size *= 2;
    x->children = reserve(most / 2);
    x->blocks = reserve(most / 64 * sizeof *x->blocks);
    x->order = reserve(most * sizeof *x->order);
    x->failing = reserve(most * sizeof *x->failing);
    x->place = reserve(most * sizeof *x->place);
    x->slot_of = reserve(most * sizeof *x->slot_of);
    x->moved = reserve(most * MOST_LIMBS * sizeof *x->moved);
    x->entries = reserve(most * sizeof *x->entries);
    const size_t key_bytes = most * MOST_LIMBS * sizeof *x->states.keys;
    x->states.keys = is_on_disk(x) ? reserve_on(&x->disk, key_bytes) : reserve(key_bytes);
    x->word_numbers = reserve(CHUNK * MOST_LIMBS * sizeof *x->word_numbers);
    pthread_mutex_init(&x->meeting, NULL);
    x->fanout = reserve(most * sizeof *x->fanout);
    int ok = x->workers && x->children && x->blocks && x->order && x->failing && x->place && x->slot_of &&
             x->moved && x->fanout && x->entries && x->states.keys && x->word_numbers &&
             table_slots(&x->states, size);
    for (int i = 0; ok && i < LANES; i++) ok = lane_new(&x->lanes[i], FIRST_VALUES);
    memset(x->site_parent, 0xff, sizeof x->site_parent);
    memset(x->property_state, 0xff, sizeof x->property_state);
    for (uint32_t i = 0; ok && i < x->threads; i++) {
        struct worker *w = &x->workers[i];
        w->search = x;
        w->bound_parent = NOTHING;
        memset(w->numbers, 0xff, sizeof w->numbers);
        memset(w->site_parent, 0xff, sizeof w->site_parent);
        w->batch = calloc(BATCH, sizeof *w->batch);
        w->recent = malloc(RECENT * MOST_LIMBS * sizeof *w->recent);
        ok = w->batch && w->recent;
        if (ok) forget(w);
    }
    if (!ok) {
        wakeproof_free(x);
        return NULL;
    }
    struct worker *w = &x->workers[0];
    struct successor *first = w->batch;
    memcpy(&first->state, initial, CELLS);
    if (SYMMETRIC) canonical(&first->state);
    /* the first value of every lane has the number 0, so this key is 0 */
    for (int i = 0; i < LANES; i++) meet(x, &x->lanes[i], lanes_of(&first->state)[i]);
    x->layout.limbs = 1;
    choose_layout(x, 0);
    if (!extend(x, 1) || (is_on_disk(x) && !settled_new(&x->settled, x->states.limbs))) {
        wakeproof_free(x);
        return NULL;
    }
    first->hash = hash_of_key(&x->states, first->key);
    uint32_t number = 0, place;
    table_put(&x->states, first->key, first->hash, &number, &place);
    atomic_store(&x->states.count, 1);
    const uint64_t all = ASKED < 64 ? (UINT64_C(1) << ASKED) - 1 : UINT64_MAX;
    /* only steps put something to the test */
    const uint64_t found = broken(&first->state, all) & ((UINT64_C(1) << INVARIANTS) - 1);
    for (int i = 0; i < INVARIANTS; i++)
        if (found >> i & 1) x->property_state[i] = 0;
    x->asked = all & ~found;
    x->layer_end = x->end = x->known = 1;
    x->status = max_depth ? UNDER_WAY : COMPLETE;
    return x;
}

/* Return whether a thread stopped in the middle of its slice. */
static int busy(const struct search *x) {
    for (uint32_t i = 0; i < x->threads; i++)
        if (x->workers[i].at < x->workers[i].end) return 1;
    return 0;
}

/* Search for this many seconds, or to the end; always to the end of a block. */
int wakeproof_run(struct search *x, double seconds) {
    const double deadline = now() + seconds;
    while (x->status == UNDER_WAY && now() < deadline) {
        do {
            together(x, busy(x) || x->next + 4 * SLICE < x->end ? x->threads : 1, work);
            if (!atomic_exchange(&x->grow, 0)) continue;
            x->status = extend(x, x->states.count) ? widen(x) : NO_DISK;
            if (x->status == UNDER_WAY && !grow(x)) x->status = NO_MEMORY;
        } while (x->status == UNDER_WAY && (busy(x) || (x->next < x->end && !x->halt)));
        if (x->status == UNDER_WAY) finish_block(x);
        /* the search can be resumed where the block begins */
        else atomic_store(&x->states.count, x->known);
    }
    return x->status;
}

/* --- checkpoints, between two blocks -------------------------------------------------------------- */

/* What a checkpoint has is read with suspicion: a file may have been changed together with its
   checksum. Python has checked the lengths of the columns and the bytes of the values. */
enum { DAMAGED = -1, TOO_LARGE = 0, RESTORED = 1 };

struct saved {
    uint64_t states, child_words, blocks, begin, layer_end, asked, transitions, queue;
    int64_t depth;
    uint64_t taken[TAKEN_WORDS], ran[RAN_WORDS];
    uint32_t site_parent[SITES];
    uint32_t property_state[ASKED];
};

/* Return the actions that were taken, and the functions with sites that were executed. */
void wakeproof_covered(const struct search *x, uint64_t *taken, uint64_t *ran) {
    memcpy(taken, x->taken, sizeof x->taken);
    memcpy(ran, x->ran, sizeof x->ran);
    for (uint32_t i = 0; i < x->threads; i++) {
        for (uint32_t k = 0; k < TAKEN_WORDS; k++) taken[k] |= x->workers[i].taken[k];
        for (uint32_t k = 0; k < RAN_WORDS; k++) ran[k] |= x->workers[i].ran[k];
    }
}

uint32_t wakeproof_saved_size(void) { return sizeof(struct saved); }

uint32_t wakeproof_layout_size(void) { return sizeof(struct layout); }

/* Return a table that only grows: the values, the parents (two tables), the keys. */
void *wakeproof_column(const struct search *x, uint32_t which) {
    void *const columns[] = {x->entries, x->children, x->blocks, x->states.keys};
    return columns[which];
}

/* Return the most items for which a column has room. */
uint64_t wakeproof_capacity(const struct search *x, uint32_t which) {
    const uint64_t capacities[] = {x->most / 2 - 1, x->most / 16, x->most / 64, x->most};
    return capacities[which];
}

/* Save everything but the columns, the lengths of the columns, and the layout of keys, which
   begins with `limbs`. Only the keys may be rewritten later; the other columns do not change. */
void wakeproof_save(const struct search *x, struct saved *s, uint64_t *counts,
                    struct layout *layout) {
    /* the caller reads the keys that are new since it saved before */
    leave(x, 0, x->states.count);
    memset(s, 0, sizeof *s);
    counts[0] = x->entry_count;
    s->child_words = counts[1] = x->child_words;
    s->blocks = counts[2] = x->block_count;
    s->states = counts[3] = x->states.count;
    s->begin = x->begin;
    s->layer_end = x->layer_end;
    s->asked = x->asked;
    s->transitions = x->transitions;
    s->queue = x->queue;
    s->depth = x->depth;
    wakeproof_covered(x, s->taken, s->ran);
    memcpy(s->site_parent, x->site_parent, sizeof s->site_parent);
    memcpy(s->property_state, x->property_state, sizeof s->property_state);
    *layout = x->layout;
}

/* Restore the values of a saved search in a new search. */
int wakeproof_restore_values(struct search *x, uint64_t count) {
    uint32_t places[LANES] = {0};
    for (uint64_t k = 0; k < count; k++) {
        if (x->entries[k].lane >= LANES) return DAMAGED;
        places[x->entries[k].lane]++;
    }
    for (int i = 0; i < LANES; i++) {
        uint32_t power = FIRST_VALUES;
        while (power / 2 <= places[i]) power *= 2;
        x->lanes[i].count = 0;
        if (!places[i]) return DAMAGED;
        if (!lane_new(&x->lanes[i], power)) return TOO_LARGE;
    }
    x->entry_count = 0;
    for (uint64_t k = 0; k < count; k++) meet(x, &x->lanes[x->entries[k].lane], x->entries[k].raw);
    choose_layout(x, 0);
    return x->entry_count == count ? RESTORED : DAMAGED;
}

static int is_layout(const struct layout *y, struct lane *lanes) {
    if (y->limbs < 1 || y->limbs > MOST_LIMBS) return 0;
    for (int i = 0; i < LANES; i++)
        if (y->width[i] > 31) return 0;
    return place_lanes(y, lanes);
}

/* Restore the states from .. to, whose keys have the given layout. */
int wakeproof_restore_states(struct search *x, const uint64_t *keys, uint32_t from, uint32_t to,
                             const struct layout *layout) {
    if (!is_layout(layout, x->was)) return DAMAGED;
    if (!extend(x, to)) return TOO_LARGE;
    for (uint32_t number = from; number < to; number++) {
        const uint64_t *key = keys + (size_t)(number - from) * layout->limbs;
        if (key[0] == NO_KEY) return DAMAGED;
        for (int i = 0; i < LANES; i++)
            if (number_in(key, &x->was[i]) >= x->lanes[i].count) return DAMAGED;
        rewrite_key(x, key, number);
    }
    leave(x, from, to);
    return RESTORED;
}

/* Return whether every state but the first has a parent before it. */
static int has_parents(const struct search *x, const struct saved *s) {
    uint64_t at = 0, known = 1;
    for (uint64_t i = 0; i < s->blocks; i++) {
        const struct block *b = x->blocks + i;
        const int is_last = i + 1 == s->blocks;
        const uint64_t end = is_last ? s->child_words : b[1].at;
        const uint64_t next = is_last ? s->states : b[1].known;
        if (b->at != at || b->known != known || end <= at || end > s->child_words) return 0;
        uint64_t ones = 0;
        for (uint64_t w = at; w < end; w++) ones += (uint64_t)__builtin_popcountll(x->children[w]);
        if (next <= known || ones != next - known || !x->children[end - 1]) return 0;
        const uint64_t bits = (end - at) * 64 - (uint64_t)__builtin_clzll(x->children[end - 1]);
        if (b->begin + (bits - ones) >= known || (i && b->begin <= b[-1].begin)) return 0;
        at = end;
        known = next;
    }
    return at == s->child_words && known == s->states;
}

/* Return whether the numbers of a saved search are in their ranges. */
static int in_range(const struct search *x, const struct saved *s) {
    const uint64_t all = ASKED < 64 ? (UINT64_C(1) << ASKED) - 1 : UINT64_MAX;
    if (s->begin >= s->layer_end || s->layer_end > s->states || s->queue > s->states) return 0;
    if (s->depth < 0 || (uint64_t)s->depth >= s->states) return 0;
    if (x->max_depth >= 0 && s->depth >= x->max_depth) return 0;
    if (s->transitions > s->begin * BRANCHING || s->asked & ~all) return 0;
    for (uint32_t k = 0; k < SITES; k++)
        if (s->site_parent[k] != NOTHING && s->site_parent[k] >= s->begin) return 0;
    for (uint32_t i = 0; i < ASKED; i++) {
        const int holds = s->property_state[i] == NOTHING;
        if (holds != (int)(s->asked >> i & 1)) return 0;
        if (!holds && s->property_state[i] >= s->states) return 0;
    }
    return 1;
}

/* Make slots for all states, also for those that are settled; return 0 without memory. */
int wakeproof_index(struct search *x) {
    struct table *t = &x->states;
    uint64_t size = t->size;
    t->base = 0;
    while (size * 13 >> 4 <= t->count) size *= 2;
    return size <= x->most && new_slots(x, (uint32_t)size);
}

/* Resume in a new search whose columns are restored, with `counts` items in each. */
int wakeproof_restore(struct search *x, const struct saved *s, const uint64_t *counts) {
    struct table *t = &x->states;
    if (s->child_words != counts[1] || s->blocks != counts[2] || s->states != counts[3])
        return DAMAGED;
    if (!in_range(x, s) || !has_parents(x, s)) return DAMAGED;
    for (uint32_t i = 0; i < x->threads; i++)
        memset(x->workers[i].numbers, 0xff, sizeof x->workers[i].numbers);
    x->known = (uint32_t)s->states;
    atomic_store(&t->count, (uint32_t)s->states);
    if (is_on_disk(x) && !settled_new(&x->settled, t->limbs)) return TOO_LARGE;
    const int is_settled = is_on_disk(x) && t->count >= FIRST_SETTLED;
    if (!(is_settled ? settle_all(x) : wakeproof_index(x))) return TOO_LARGE;
    x->child_words = s->child_words;
    x->block_count = (uint32_t)s->blocks;
    x->asked = s->asked;
    x->transitions = s->transitions;
    x->queue = s->queue;
    x->depth = s->depth;
    memcpy(x->taken, s->taken, sizeof s->taken);
    memcpy(x->ran, s->ran, sizeof s->ran);
    memcpy(x->site_parent, s->site_parent, sizeof s->site_parent);
    memcpy(x->property_state, s->property_state, sizeof s->property_state);
    x->layer_end = (uint32_t)s->layer_end;
    x->end = (uint32_t)s->begin;
    begin_block(x);
    return RESTORED;
}

void wakeproof_report(const struct search *x, struct report *r) {
    r->states = x->states.count;
    r->transitions = x->transitions;
    r->queue = x->queue;
    const uint64_t keys = r->states * x->states.limbs * sizeof *x->states.keys;
    r->bytes = (is_on_disk(x) ? settled_bytes(&x->settled, x->settled.home_bits) : keys) +
               x->child_words * sizeof *x->children + slot_bytes(x->states.size) +
               BLOCK * sizeof *x->fanout + x->entry_count * sizeof *x->entries +
               x->largest_block * (sizeof *x->order + sizeof *x->failing + sizeof *x->place +
                                   sizeof *x->slot_of + x->states.limbs * sizeof *x->moved);
    for (int i = 0; i < LANES; i++)
        r->bytes += (x->lanes[i].last + UINT64_C(1)) * (sizeof(struct value) + sizeof(struct sixteen));
    r->depth = x->depth;
    r->load = x->states.base ? (double)x->states.base / (double)capacity(&x->settled)
                             : (double)x->states.count / (double)x->states.size;
    r->status = x->status;
    r->limit_site = x->limit_site;
}

/* Return the first state in which an invariant fails, or NOTHING. */
uint32_t wakeproof_property(const struct search *x, uint32_t i) { return x->property_state[i]; }

/* Return the first state from which a step reaches a site, or NOTHING. */
uint32_t wakeproof_site(const struct search *x, uint32_t i) { return x->site_parent[i]; }

/* Return the state from which a state was found first; NOTHING for the initial state. */
uint32_t wakeproof_parent(const struct search *x, uint32_t number) {
    if (!number) return NOTHING;
    const struct block *b = x->blocks + x->block_count - 1;
    while (b->known > number) b--;
    uint32_t left = number - b->known;
    const uint64_t *word = x->children + b->at;
    for (; left >= (uint32_t)__builtin_popcountll(*word); word++) left -= __builtin_popcountll(*word);
    uint64_t bits = *word;
    for (; left; left--) bits &= bits - 1;
    const uint64_t place = (uint64_t)(word - x->children - b->at) * 64 + __builtin_ctzll(bits);
    return b->begin + (uint32_t)(place - (number - b->known));
}

void wakeproof_state(const struct search *x, uint32_t number, uint8_t *cells) {
    uint32_t numbers[LANES];
    struct state s;
    memset(numbers, 0xff, sizeof numbers);
    load(x, number, numbers, &s);
    memcpy(cells, &s, CELLS);
}

/* List the steps from one state in order: in `wrong` the number of a site, or 0, in `states` the
   state after the step, in `actions` the number of its action. Return their number. */
uint32_t wakeproof_successors(const uint8_t *cells, uint8_t *states, uint16_t *wrong,
                              uint16_t *actions) {
    struct worker w = {.listing = calloc(BRANCHING + 1, sizeof *w.listing)};
    struct state s = {0};
    if (!w.listing) return NOTHING;
    memcpy(&s, cells, CELLS);
    expand(&w, &s);
    for (uint32_t i = 0; i < w.steps; i++) {
        memcpy(states + (size_t)i * CELLS, &w.listing[i].state, CELLS);
        wrong[i] = w.listing[i].state.wrong;
        actions[i] = (uint16_t)w.listing[i].order;
    }
    free(w.listing);
    return w.steps;
}

/* Return the invariants that fail in a state, a bit for each. */
uint64_t wakeproof_broken(const uint8_t *cells) {
    struct state s;
    memcpy(&s, cells, CELLS);
    return broken(&s, UINT64_MAX);
}

/* Replace a state by the representative of its orbit. */
void wakeproof_canonical(uint8_t *cells) {
    struct state s = {0};
    memcpy(&s, cells, CELLS);
    canonical(&s);
    memcpy(cells, &s, CELLS);
}

/* Permute the members in a state; `map` has 256 bytes for each type that is permuted. */
void wakeproof_permute(uint8_t *cells, const uint8_t *map) {
    struct state s = {0}, t = {0};
    memcpy(&s, cells, CELLS);
    permute(&t, &s, (maps)map);
    memcpy(cells, &t, CELLS);
}

void wakeproof_free(struct search *x) {
    const uint64_t most = x->most;
    release(x->states.keys, most * MOST_LIMBS * sizeof *x->states.keys);
    release(x->entries, most * sizeof *x->entries);
    release((void *)x->states.slots, slot_bytes(x->states.size));
    release(x->children, most / 2);
    release(x->blocks, most / 64 * sizeof *x->blocks);
    release(x->order, most * sizeof *x->order);
    release(x->failing, most * sizeof *x->failing);
    release(x->place, most * sizeof *x->place);
    release(x->slot_of, most * sizeof *x->slot_of);
    release(x->moved, most * MOST_LIMBS * sizeof *x->moved);
    release(x->fanout, most * sizeof *x->fanout);
    release(x->word_numbers, CHUNK * MOST_LIMBS * sizeof *x->word_numbers);
    settled_free(&x->settled);
    for (uint32_t i = 0; x->workers && i < x->threads; i++) {
        free(x->workers[i].batch);
        free(x->workers[i].recent);
    }
    for (int i = 0; i < LANES; i++) {
        free(x->lanes[i].values);
        free(x->lanes[i].raw);
    }
    free(x->workers);
    free(x);
}
