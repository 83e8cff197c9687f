/* The settled states of a search whose keys are on disk: in memory is only which keys there are,
   exactly.

   The values of each limb are numbered, and the numbers, a bit field for each limb, are one
   integer. It is split in two by a bijection: the home, which is the place of a bucket in the
   table, and the rest, which the bucket stores. So an entry has the bits that its place does not
   imply, at most eight bytes. A bucket is a cache line; an entry that finds its home full is in one
   of the next buckets, and stores how far. If an entry would need more than eight bytes there are
   more buckets.

   Threads only read while a block is expanded. At its end the new states are settled: one thread
   numbers the values of a limb, and one fills a part of the table. */

enum {
    MOST_THREADS = 64,
    PARTS = MOST_THREADS,    /* of the table; no entry leaves its part */
    FAR_BITS = 4,            /* of an entry: 1 + the distance from its home; 0 if it is empty */
    LAST = (1 << FAR_BITS) - 1,
    FARTHEST = LAST - 1,
    BUCKET = 64,             /* bytes */
    LEAST_ENTRY = 5,         /* bytes: so the eight from the begin of an entry are in its bucket */
    MOST_REST = 64 - FAR_BITS,
    FIRST_HOME = 12,         /* bits of a home */
    MOST_HOME = 31,
    FIRST_WORDS = 1 << 10,   /* places for the values of a limb */
};

typedef unsigned __int128 wide;

/* A value of a limb. */
struct word {
    uint64_t value;
    uint32_t number;         /* from 1; 0 if the place is empty */
} __attribute__((packed));

struct words {
    struct word *places;     /* open addressing, at most three quarters full */
    uint32_t last;           /* places, a power of two, minus 1 */
    uint32_t count;
    uint8_t width;           /* bits for a number */
};

struct settled {
    struct words *words;     /* of each limb */
    uint32_t limbs;
    uint8_t *buckets;
    uint32_t home_bits;      /* there are two to the power of this buckets, and those at the ends
                                of the parts */
    uint32_t entry;          /* bytes */
    uint32_t per_bucket;     /* entries */
    uint64_t most_bytes;     /* the limit of all tables here */
    _Atomic int is_full;     /* a value has no number, or an entry no place */
};

static uint64_t mixed(uint64_t x) {
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

/* --- the values of limbs ------------------------------------------------------------------------ */

static inline struct word *word_at(const struct words *w, uint64_t value) {
    uint64_t at = mixed(value) & w->last;
    while (w->places[at].number && w->places[at].value != value) at = (at + 1) & w->last;
    return &w->places[at];
}

static void fetch_word(const struct words *w, uint64_t value) {
    __builtin_prefetch(&w->places[mixed(value) & w->last]);
}

static size_t word_bytes(const struct words *w) { return (w->last + UINT64_C(1)) * sizeof *w->places; }

/* Make so many places, with the values that there are; return 0 without memory. */
static int words_new(struct words *w, uint32_t places) {
    const struct words old = *w;
    w->places = reserve(places * sizeof *w->places);
    if (!w->places) {
        w->places = old.places;
        return 0;
    }
    w->last = places - 1;
    for (uint64_t i = 0; old.count && i <= old.last; i++)
        if (old.places[i].number) *word_at(w, old.places[i].value) = old.places[i];
    release(old.places, old.places ? word_bytes(&old) : 0);
    return 1;
}

/* Return the number of a value, a new one if it has none; 0 without memory. */
static uint32_t word_number(struct words *w, uint64_t value) {
    struct word *found = word_at(w, value);
    if (found->number) return found->number;
    if (w->count >= w->last / 4 * 3) {
        if (w->last > UINT32_MAX / 4 || !words_new(w, 2 * (w->last + 1))) return 0;
        found = word_at(w, value);
    }
    *found = (struct word){value, ++w->count};
    return w->count;
}

/* --- the table ------------------------------------------------------------------------------------ */

static size_t bucket_bytes(uint32_t home_bits) {
    return ((UINT64_C(1) << home_bits) + PARTS * FARTHEST) * BUCKET;
}

/* Return where a part of the table begins. */
static uint64_t first_bucket(const struct settled *s, uint32_t part) {
    return part * ((UINT64_C(1) << s->home_bits) / PARTS + FARTHEST);
}

static void fetch_bucket(const struct settled *s, uint64_t bucket) {
    __builtin_prefetch(s->buckets + bucket * BUCKET);
}

/* Split the numbers of a key: return the rest, with room for the distance below, and the bucket of
   its home. */
static inline uint64_t split(const struct settled *s, const uint32_t *numbers, uint64_t *bucket) {
    const uint64_t mask = (UINT64_C(1) << s->home_bits) - 1, odd = UINT64_C(0x9e3779b97f4a7c15);
    wide key = 0;
    for (uint32_t i = 0; i < s->limbs; i++) key = key << s->words[i].width | (numbers[i] - 1);
    const uint64_t rest = (uint64_t)(key >> s->home_bits);
    /* each line can be undone; neighbours would fill buckets that follow each other */
    uint64_t home = (uint64_t)key * odd & mask;
    home ^= home >> s->home_bits / 2;
    home = (home * odd ^ mixed(rest)) & mask;
    *bucket = home + (home * PARTS >> s->home_bits) * FARTHEST;
    return rest << FAR_BITS;
}

static inline uint64_t entry_at(const struct settled *s, const uint8_t *bucket, uint32_t i) {
    uint64_t entry;
    memcpy(&entry, bucket + i * s->entry, sizeof entry);
    return entry & UINT64_MAX >> (64 - 8 * s->entry);
}

static int has(const struct settled *s, uint64_t rest, uint64_t bucket) {
    const uint8_t *at = s->buckets + bucket * BUCKET;
    for (uint64_t wanted = rest | 1; wanted <= (rest | LAST); wanted++, at += BUCKET)
        for (uint32_t i = 0; i < s->per_bucket; i++) {
            const uint64_t entry = entry_at(s, at, i);
            if (entry == wanted) return 1;
            if (!entry) return 0;
        }
    return 0;
}

/* Insert an entry that the table does not have. In a full bucket it takes the place of the one that
   is nearest to its home, if that is nearer than it: so none goes far. Return 0 without a place. */
static int insert(struct settled *s, uint64_t rest, uint64_t bucket) {
    uint8_t *at = s->buckets + bucket * BUCKET;
    for (uint64_t entry = rest | 1;; entry++, at += BUCKET) {
        uint32_t nearest = 0;
        uint64_t nearest_entry = LAST;
        for (uint32_t i = 0; i < s->per_bucket; i++) {
            const uint64_t found = entry_at(s, at, i);
            if (!found) {
                /* what is behind it in the bucket is empty */
                memcpy(at + i * s->entry, &entry, sizeof entry);
                return 1;
            }
            if ((found & LAST) < (nearest_entry & LAST)) nearest = i, nearest_entry = found;
        }
        if ((nearest_entry & LAST) < (entry & LAST)) {
            memcpy(at + nearest * s->entry, &entry, s->entry);
            entry = nearest_entry;
        }
        if ((entry & LAST) == LAST) return 0;
    }
}

/* Return the bytes of an entry, if all numbers together have so many bits. */
static uint32_t entry_bytes(uint32_t bits, uint32_t home_bits) {
    const uint32_t rest = bits > home_bits ? bits - home_bits : 0;
    const uint32_t bytes = (rest + FAR_BITS + 7) / 8;
    return bytes < LEAST_ENTRY ? LEAST_ENTRY : bytes;
}

/* Return how many states fit into the homes. */
static uint64_t capacity(const struct settled *s) {
    return (UINT64_C(1) << s->home_bits) * s->per_bucket;
}

static uint64_t settled_bytes(const struct settled *s, uint32_t home_bits) {
    uint64_t bytes = bucket_bytes(home_bits);
    for (uint32_t i = 0; i < s->limbs; i++) bytes += word_bytes(&s->words[i]);
    return bytes;
}

/* Return whether all numbers fit their widths, and so many states the table, or the memory has no
   room for a larger one. */
static int is_fit(const struct settled *s, uint64_t states) {
    for (uint32_t i = 0; i < s->limbs; i++)
        if (s->words[i].count >> s->words[i].width) return 0;
    return states <= capacity(s) / 10 * 9 || s->home_bits == MOST_HOME ||
           settled_bytes(s, s->home_bits + 1) > s->most_bytes;
}

/* Make the table anew and empty, for so many states at least; return 0 without memory. */
static int reshape(struct settled *s, uint64_t states) {
    uint32_t bits = 0, home_bits = s->home_bits;
    for (uint32_t i = 0; i < s->limbs; i++) {
        struct words *w = &s->words[i];
        /* three quarters more values, as the states will be twice as many */
        const uint64_t most = w->count + UINT64_C(3) * w->count / 4;
        w->width = (uint8_t)(64 - __builtin_clzll(most | 1));
        bits += w->width;
    }
    while (bits > home_bits + MOST_REST) home_bits++;
    while (home_bits < MOST_HOME && settled_bytes(s, home_bits + 1) <= s->most_bytes &&
           states > ((uint64_t)BUCKET / entry_bytes(bits, home_bits) << home_bits) / 8 * 7)
        home_bits++;
    if (home_bits > MOST_HOME || settled_bytes(s, home_bits) > s->most_bytes) return 0;
    release(s->buckets, bucket_bytes(s->home_bits));
    s->home_bits = home_bits;
    s->entry = entry_bytes(bits, home_bits);
    s->per_bucket = BUCKET / s->entry;
    s->buckets = reserve(bucket_bytes(home_bits));
    return s->buckets != NULL;
}

static void settled_free(struct settled *s) {
    for (uint32_t i = 0; i < s->limbs; i++) release(s->words[i].places, word_bytes(&s->words[i]));
    release(s->buckets, bucket_bytes(s->home_bits));
    free(s->words);
    *s = (struct settled){.most_bytes = s->most_bytes};
}

/* Begin with no states, for keys of so many limbs; return 0 without memory. */
static int settled_new(struct settled *s, uint32_t limbs) {
    settled_free(s);
    s->words = calloc(limbs, sizeof *s->words);
    if (!s->words) return 0;
    for (s->limbs = 0; s->limbs < limbs; s->limbs++)
        if (!words_new(&s->words[s->limbs], FIRST_WORDS)) return 0;
    s->home_bits = FIRST_HOME;
    return reshape(s, 0);
}
