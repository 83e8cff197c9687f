/* The search that follows the generated text: breadth first, layer by layer, on several threads.

   States are kept exactly. A packed state is WORDS words of 32 bits, the leaves of a binary
   tree: a pair of words has a number in the table `nodes`, so has a pair of such numbers, and
   the pair at the root is the state's key in the table `states`. States that have parts in
   common share them.

   States are numbered in the order in which one thread without any parallelism would find
   them. A layer is expanded in blocks: while a block is under way a new state has a number by
   chance and remembers the first step that leads to it; at the end of the block the new states
   are put in the order of these steps. So nothing that is reported depends on the number of
   threads, and what is needed for it is as large as a block, not as a layer.

   Most of the work is not done: a state is decoded from what differs in its tree from the one
   before, and of a successor only the words are packed in whose bytes it differs. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define NOTHING UINT32_MAX
#define LATEST UINT64_MAX
#define NO_KEY UINT64_MAX /* of a number that is not used: a word has a bit less than 32 */

enum {
    SLICE = 64,          /* states that a thread takes at a time */
    BATCH = 16,          /* successors that wait for their place in the table to be fetched */
    BLOCK = 1 << 16,     /* states that are expanded before the new ones are put in order */
    FIRST_SLOTS = 1 << 14,
    SEEN_BITS = 13,      /* pairs that a thread remembers, as a power of two */
    AHEAD = 12,          /* places that are fetched before they are needed */
    MOST_THREADS = 64,
    HUGE = 1 << 21,
};

enum { UNDER_WAY, COMPLETE, MAX_STATES, BOUND, NO_MEMORY };

static void *reserve(size_t bytes) {
    /* addresses; memory is used where something is written */
    void *found = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= 4 * HUGE) madvise(found, bytes, MADV_HUGEPAGE);
#endif
    return found;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t mixed(uint64_t x) {
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

/* --- tables: a key of 64 bits has a number, and the other way round --------------------------- */

/* What one thread writes often and the others read stands on a line of the cache of its own. */
#define APART _Alignas(64)

struct table {
    APART uint64_t *keys;       /* by number */
    _Atomic uint32_t *slots;    /* open addressing: 0, or a number + 1, with hash bits above it */
    uint32_t size;              /* slots */
    uint32_t mask;              /* the bits of a slot that hold a number + 1 */
    APART _Atomic uint32_t count;
};

static uint32_t home(const struct table *t, uint64_t hash) {
    return (uint32_t)((hash >> 32) * t->size >> 32);
}

static uint32_t tag_of(const struct table *t, uint64_t hash) { return (uint32_t)hash & ~t->mask; }

/* A table is to grow when it is fuller than this; what threads add until they notice fits. */
static uint32_t comfortable(const struct table *t) { return (uint32_t)((uint64_t)t->size * 13 >> 4); }

static size_t slot_bytes(uint32_t size) { return sizeof(uint32_t) * (size_t)size; }

static int table_slots(struct table *t, uint32_t size) {
    t->slots = reserve(slot_bytes(size));
    t->size = size;
    t->mask = UINT32_MAX >> __builtin_clz(size);
    return t->slots != NULL;
}

static int table_new(struct table *t, uint32_t size, uint64_t most) {
    t->keys = reserve(most * sizeof *t->keys);
    return t->keys && table_slots(t, size);
}

/* The number of a key, and its place. A new key gets the number *spare, which then is NOTHING. */
static inline uint32_t table_put(struct table *t, uint64_t key, uint64_t hash, uint32_t *spare,
                                 uint32_t *place) {
    const uint32_t mask = t->mask, tag = tag_of(t, hash);
    for (uint32_t at = home(t, hash);; at = at + 1 < t->size ? at + 1 : 0) {
        uint32_t slot = atomic_load_explicit(&t->slots[at], memory_order_acquire);
        if (!slot) {
            const uint32_t number = *spare;
            t->keys[number] = key;
            if (atomic_compare_exchange_strong_explicit(&t->slots[at], &slot, tag | (number + 1),
                                                        memory_order_release,
                                                        memory_order_acquire)) {
                *spare = NOTHING;
                *place = at;
                return number;
            }
            t->keys[number] = NO_KEY;
        }
        if ((slot & ~mask) == tag) {
            const uint32_t number = (slot & mask) - 1;
            if (t->keys[number] == key) return number;
        }
    }
}

static void fetch_slot(const struct table *t, uint64_t hash) {
    __builtin_prefetch((const void *)&t->slots[home(t, hash)], 1);
}

/* The key that a slot, once it is there, is likely to name. */
static void fetch_key(const struct table *t, uint64_t hash) {
    const uint32_t slot = t->slots[home(t, hash)];
    if (slot && (slot & ~t->mask) == tag_of(t, hash))
        __builtin_prefetch(&t->keys[(slot & t->mask) - 1]);
}

/* --- the search --------------------------------------------------------------------------------- */

enum { LIMBS = (WORDS + 63) / 64, EIGHTS = sizeof(struct state) / 8 };
typedef uint64_t __attribute__((may_alias)) eight;

/* A state that was reached, and its tree: nodes 2 .. WORDS - 1 are pairs, the rest words. */
struct successor {
    struct state state;
    uint32_t tree[2 * WORDS];
    uint64_t marks[LIMBS];      /* the pairs that still have to be numbered */
    uint64_t asked;             /* the invariants that may have changed */
    uint64_t key, hash, order;
};

/* A pair that was not met lately: its number is to be looked up. */
struct wanted {
    uint32_t *number;
    uint64_t key, hash;
};

/* A pair that a thread met lately, and its number: most pairs are met again at once. */
struct seen {
    uint64_t key;
    uint32_t number;
};

struct worker {
    APART struct search *search;
    pthread_t thread;
    uint32_t at, end;                   /* the states of the block that it still has to expand */
    uint32_t spare_node, spare_state;
    uint32_t parent, steps;             /* the state that is expanded, steps from it so far */
    uint32_t waiting;                   /* successors in the batch */
    struct successor *batch;
    struct seen *seen;
    struct wanted *wanted;
    struct state before;                /* the state that is expanded */
    uint32_t tree[2 * WORDS];           /* its tree; [1] is not used, and 0 until there is one */
    uint32_t site_parent[SITES];        /* the first state whose step reaches the site */
    uint32_t bound_parent, bound_site;  /* the same for the bounds of the run, and which */
    struct successor *listing;          /* where a list of successors is asked for */
    uint32_t from, to;                  /* a share of work that is split evenly */
};

/* A block that is done. States are in the order of their parents, so two bits say a parent. */
struct block {
    uint32_t begin, known;      /* its first parent, the first new state */
    uint64_t at;                /* where in `children` it begins */
};

struct search {
    struct table nodes, states;
    uint64_t *children;         /* of every block in unary: a 1 a new state, a 0 a parent passed */
    struct block *blocks;
    uint32_t block_count;
    uint64_t child_words;       /* how many words of `children` are in use */
    uint64_t *order;            /* of the new states: parent << 16 | step of the first way */
    uint64_t *failing;          /* of the new states: the invariants that fail */
    uint32_t *slot_of;          /* of the new states: where they stand in the table */
    uint32_t *place;            /* the new states in order */
    uint64_t *moved;
    uint16_t *fanout;           /* of this block: steps of every state */
    uint64_t most;              /* states that addresses are reserved for */
    uint64_t max_states;        /* a limit */
    int64_t max_depth;          /* a bound, or -1 */
    uint32_t threads;
    uint32_t begin, end;        /* the block: these numbers */
    uint32_t layer_end;         /* the layer ends before this number */
    uint32_t known;             /* states with a smaller number were known before the block */
    APART _Atomic uint64_t next; /* the first state of the block that no thread has taken */
    APART _Atomic int grow;     /* a table is to grow before anybody goes on */
    _Atomic int halt;           /* a limit is near: nothing more is taken */
    uint64_t asked;             /* the invariants that have held so far */
    uint64_t transitions;
    int64_t depth;
    uint64_t queue;
    int status;
    uint32_t limit_site;
    uint32_t site_parent[SITES];
    uint32_t property_state[INVARIANTS];
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
    /* a machine that gives no more threads gets the same work done by those that it has */
    for (uint32_t i = started; i < threads; i++) run(&x->workers[i]);
}

/* Split the numbers 0 .. count evenly and run on every part. */
static void share(struct search *x, uint32_t count, void *(*run)(void *)) {
    const uint32_t threads = count < 4096 ? 1 : x->threads;
    for (uint32_t i = 0; i < threads; i++) {
        x->workers[i].from = (uint32_t)((uint64_t)count * i / threads);
        x->workers[i].to = (uint32_t)((uint64_t)count * (i + 1) / threads);
    }
    together(x, threads, run);
}

/* --- tables that grow ----------------------------------------------------------------------------- */

static void reinsert(struct worker *w, struct table *t) {
    struct search *x = w->search;
    const int states = t == &x->states;
    for (uint32_t number = w->from; number < w->to; number++) {
        if (number + AHEAD < w->to)
            fetch_slot(t, mixed(t->keys[number + AHEAD]));
        if (t->keys[number] == NO_KEY) continue;
        const uint64_t hash = mixed(t->keys[number]);
        const uint32_t slot = tag_of(t, hash) | (number + 1);
        uint32_t at = home(t, hash);
        for (uint32_t empty = 0;
             !atomic_compare_exchange_strong_explicit(&t->slots[at], &empty, slot,
                                                      memory_order_relaxed, memory_order_relaxed);
             empty = 0)
            at = at + 1 < t->size ? at + 1 : 0;
        if (states && number >= x->known) x->slot_of[number - x->known] = at;
    }
}

static void *reinsert_nodes(void *w) {
    reinsert(w, &((struct worker *)w)->search->nodes);
    return NULL;
}

static void *reinsert_states(void *w) {
    reinsert(w, &((struct worker *)w)->search->states);
    return NULL;
}

static int grow(struct search *x, struct table *t, void *(*run)(void *)) {
    while (t->count > comfortable(t)) {
        /* by a half, by a third: powers of two and what lies between */
        const uint64_t size = t->size & (t->size - 1) ? (uint64_t)t->size / 3 * 4
                                                      : (uint64_t)t->size / 2 * 3;
        if (size > x->most) return 0;
        munmap((void *)t->slots, slot_bytes(t->size));
        if (!table_slots(t, (uint32_t)size)) return 0;
        share(x, t->count, run);
    }
    return 1;
}

/* --- from a state to its successors --------------------------------------------------------------- */

static inline struct seen *seen_at(const struct worker *w, uint64_t key) {
    return &w->seen[(key ^ key >> 29) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - SEEN_BITS)];
}

static uint32_t node(struct worker *w, uint64_t key, uint64_t hash) {
    struct table *t = &w->search->nodes;
    if (w->spare_node == NOTHING) {
        w->spare_node = atomic_fetch_add_explicit(&t->count, 1, memory_order_relaxed);
        if (w->spare_node > comfortable(t)) atomic_store(&w->search->grow, 1);
        t->keys[w->spare_node] = NO_KEY;
    }
    uint32_t place;
    const uint32_t number = table_put(t, key, hash, &w->spare_node, &place);
    *seen_at(w, key) = (struct seen){key, number};
    return number;
}

static inline void mark(uint64_t *marks, int i) { marks[i / 64] |= UINT64_C(1) << i % 64; }

/* Number the pairs of these trees that are marked, from the leaves to the roots, and so the keys
   of the states. All of a level at once: what has to come from memory comes together. */
static void number_trees(struct worker *w, struct successor *batch, uint32_t count) {
    const struct table *t = &w->search->nodes;
    for (int low = 1 << (31 - __builtin_clz(WORDS)); low > 1; low /= 2) {
        uint32_t missing = 0;
        for (struct successor *c = batch; c < batch + count; c++)
            for (int limb = LIMBS - 1; limb >= low / 64; limb--) {
                const uint64_t level = limb == low / 64 ? UINT64_MAX << low % 64 : UINT64_MAX;
                uint64_t left = c->marks[limb] & level;
                c->marks[limb] &= ~level;
                for (; left; left &= left - 1) {
                    const int i = limb * 64 + __builtin_ctzll(left);
                    const uint64_t key = (uint64_t)c->tree[2 * i] << 32 | c->tree[2 * i + 1];
                    const struct seen *seen = seen_at(w, key);
                    mark(c->marks, i / 2);
                    if (seen->key == key && seen->number != NOTHING) {
                        c->tree[i] = seen->number;
                    } else {
                        const uint64_t hash = mixed(key);
                        w->wanted[missing++] = (struct wanted){&c->tree[i], key, hash};
                        fetch_slot(t, hash);
                    }
                }
            }
        for (uint32_t i = 0; i < missing; i++) fetch_key(t, w->wanted[i].hash);
        for (uint32_t i = 0; i < missing; i++)
            *w->wanted[i].number = node(w, w->wanted[i].key, w->wanted[i].hash);
    }
    for (struct successor *c = batch; c < batch + count; c++) {
        c->key = (uint64_t)c->tree[2] << 32 | c->tree[3];
        c->hash = mixed(c->key);
        fetch_slot(&w->search->states, c->hash);
    }
}

/* The words of a successor of the state in w->before, whose tree is w->tree. */
static inline void words_from_before(const struct worker *w, struct successor *c) {
    const eight *now = (const eight *)&c->state, *then = (const eight *)&w->before;
    uint64_t words[LIMBS] = {0};
    for (int i = 0; i < EIGHTS; i++)
        for (int limb = 0; limb < LIMBS; limb++)
            words[limb] |= -(uint64_t)(now[i] != then[i]) & words_of[i][limb];
    memcpy(c->tree, w->tree, sizeof c->tree);
    memset(c->marks, 0, sizeof c->marks);
    c->asked = 0;
    for (int limb = 0; limb < LIMBS; limb++)
        for (; words[limb]; words[limb] &= words[limb] - 1) {
            const int i = limb * 64 + __builtin_ctzll(words[limb]);
            const uint32_t word = pack(&c->state, i);
            if (word == c->tree[WORDS + i]) continue;
            c->tree[WORDS + i] = word;
            c->asked |= read_by[i];
            mark(c->marks, (WORDS + i) / 2);
        }
}

/* The words of any state. */
static void words(struct successor *c) {
    memset(c->marks, 0, sizeof c->marks);
    for (int i = 0; i < WORDS; i++) {
        c->tree[WORDS + i] = pack(&c->state, i);
        mark(c->marks, (WORDS + i) / 2);
    }
    c->asked = UINT64_MAX;
}

/* Go from the state that is in *s, with its tree, to the one with this number. */
static void load(const struct search *x, uint32_t number, uint32_t *tree, struct state *s) {
    const uint64_t root = x->states.keys[number];
    const int fresh = !(tree[2] | tree[3]);
    uint64_t marks[2 * LIMBS + 1] = {0};
    if (fresh) unpack_rest(s);
    for (int i = 1; i < WORDS; i++) {
        if (i > 1 && !(marks[i / 64] >> i % 64 & 1)) continue;
        const uint64_t key = i > 1 ? x->nodes.keys[tree[i]] : root;
        const uint32_t pair[2] = {(uint32_t)(key >> 32), (uint32_t)key};
        for (int side = 0; side < 2; side++) {
            const int child = 2 * i + side;
            if (!fresh && tree[child] == pair[side]) continue;
            tree[child] = pair[side];
            if (child < WORDS) mark(marks, child);
            else unpack(s, child - WORDS, pair[side]);
        }
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

static void put(struct worker *w, const struct successor *c) {
    struct search *x = w->search;
    if (w->spare_state == NOTHING) {
        const uint32_t number = atomic_fetch_add_explicit(&x->states.count, 1, memory_order_relaxed);
        if (number > comfortable(&x->states)) atomic_store(&x->grow, 1);
        if (number >= x->max_states + x->threads) atomic_store(&x->halt, 1);
        x->states.keys[number] = NO_KEY;
        x->order[number - x->known] = LATEST;
        x->failing[number - x->known] = 0;
        w->spare_state = number;
    }
    uint32_t place;
    const uint32_t number = table_put(&x->states, c->key, c->hash, &w->spare_state, &place);
    if (number < x->known) return;
    lower(&x->order[number - x->known], c->order);
    if (w->spare_state != NOTHING) return;
    x->slot_of[number - x->known] = place;
    const uint64_t asked = x->asked & c->asked;
    if (asked) x->failing[number - x->known] = broken(&c->state, asked);
}

static void flush(struct worker *w) {
    number_trees(w, w->batch, w->waiting);
    for (uint32_t i = 0; i < w->waiting; i++) fetch_key(&w->search->states, w->batch[i].hash);
    for (uint32_t i = 0; i < w->waiting; i++) put(w, &w->batch[i]);
    w->waiting = 0;
}

static inline struct state *successor(struct worker *w, const struct state *s) {
    struct state *t = &(w->listing ? &w->listing[w->steps] : &w->batch[w->waiting])->state;
    *t = *s;
    return t;
}

static void reached(struct worker *w) {
    struct successor *c = w->listing ? &w->listing[w->steps] : &w->batch[w->waiting];
    const uint32_t wrong = c->state.wrong;
    if (wrong == GUARD_FAILED) return;
    const uint32_t step = w->steps++;
    if (w->listing) return;
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
    words_from_before(w, c);
    c->order = (uint64_t)w->parent << 16 | step;
    if (++w->waiting == BATCH) flush(w);
}

static void *work(void *argument) {
    struct worker *w = argument;
    struct search *x = w->search;
    for (;;) {
        for (; w->at < w->end; w->at++) {
            if (atomic_load_explicit(&x->grow, memory_order_relaxed)) goto pause;
            load(x, w->at, w->tree, &w->before);
            w->parent = w->at;
            w->steps = 0;
            expand(w, &w->before);
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

/* Begin the next block of the layer, or the next layer, or end. */
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
}

/* The new states in the order of the first steps that lead to them: their places, and how many.
   A counting sort by parent; the steps of one parent are few. */
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

/* The keys in order, before any of them moves. */
static void *collect(void *argument) {
    struct worker *w = argument;
    struct search *x = w->search;
    for (uint32_t r = w->from; r < w->to; r++)
        x->moved[r] = x->states.keys[x->known + x->place[r]];
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
        t->keys[number] = x->moved[r];
        const uint32_t at = x->slot_of[place];
        t->slots[at] = (t->slots[at] & ~t->mask) | (number + 1);
    }
    return NULL;
}

/* Remember the parents of the new states. */
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

/* The first state of the block after which a limit is reached, with the status that it means. */
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

/* Put the new states in order and begin the next block. What lies behind a limit is left out,
   so that it does not matter which thread was how far. */
static void finish_block(struct search *x) {
    for (uint32_t i = 0; i < x->threads; i++) x->workers[i].spare_state = NOTHING;
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
    if (x->status == UNDER_WAY) begin_block(x);
}

/* --- what Python calls ---------------------------------------------------------------------------- */

struct report {
    uint64_t states, transitions, queue, nodes, bytes;
    int64_t depth;
    double load;
    int32_t status;
    uint32_t limit_site;
};

void wakeproof_free(struct search *x);

/* A search from one state; NULL if there is no memory. */
struct search *wakeproof_new(const uint8_t *initial, uint32_t threads, uint64_t max_states,
                             int64_t max_depth, uint64_t most) {
    struct search *x = aligned_alloc(64, sizeof *x);
    if (!x) return NULL;
    memset(x, 0, sizeof *x);
    x->threads = threads > MOST_THREADS ? MOST_THREADS : threads;
    x->workers = aligned_alloc(64, x->threads * sizeof *x->workers);
    if (x->workers) memset(x->workers, 0, x->threads * sizeof *x->workers);
    x->most = most;
    x->max_states = max_states;
    x->max_depth = max_depth;
    uint32_t size = FIRST_SLOTS;
    /* what threads add to a table until they notice that it is to grow */
    while (size / 8 < (uint64_t)x->threads * (BRANCHING + BATCH) * WORDS) size *= 2;
    x->children = reserve(most / 2);
    x->blocks = reserve(most / 64 * sizeof *x->blocks);
    x->order = reserve(most * sizeof *x->order);
    x->failing = reserve(most * sizeof *x->failing);
    x->place = reserve(most * sizeof *x->place);
    x->slot_of = reserve(most * sizeof *x->slot_of);
    x->moved = reserve(most * sizeof *x->moved);
    x->fanout = reserve(most * sizeof *x->fanout);
    int ok = x->workers && x->children && x->blocks && x->order && x->failing && x->place && x->slot_of &&
             x->moved && x->fanout && table_new(&x->nodes, size, most) &&
             table_new(&x->states, size, most);
    memset(x->site_parent, 0xff, sizeof x->site_parent);
    memset(x->property_state, 0xff, sizeof x->property_state);
    for (uint32_t i = 0; ok && i < x->threads; i++) {
        struct worker *w = &x->workers[i];
        w->search = x;
        w->spare_node = w->spare_state = w->bound_parent = NOTHING;
        memset(w->site_parent, 0xff, sizeof w->site_parent);
        w->batch = calloc(BATCH, sizeof *w->batch);
        w->seen = malloc(sizeof *w->seen << SEEN_BITS);
        w->wanted = malloc(BATCH * WORDS * sizeof *w->wanted);
        ok = w->batch && w->seen && w->wanted;
        if (ok) memset(w->seen, 0xff, sizeof *w->seen << SEEN_BITS);
    }
    if (!ok) {
        wakeproof_free(x);
        return NULL;
    }
    struct worker *w = &x->workers[0];
    struct successor *first = w->batch;
    memcpy(&first->state, initial, CELLS);
    if (SYMMETRIC) canonical(&first->state);
    words(first);
    number_trees(w, first, 1);
    uint32_t place;
    w->spare_state = 0;
    table_put(&x->states, first->key, first->hash, &w->spare_state, &place);
    atomic_store(&x->states.count, 1);
    const uint64_t all = INVARIANTS < 64 ? (UINT64_C(1) << INVARIANTS) - 1 : UINT64_MAX;
    const uint64_t found = broken(&first->state, all);
    for (int i = 0; i < INVARIANTS; i++)
        if (found >> i & 1) x->property_state[i] = 0;
    x->asked = all & ~found;
    x->layer_end = x->end = x->known = 1;
    x->status = max_depth ? UNDER_WAY : COMPLETE;
    return x;
}

/* Whether a thread was stopped in the middle of what it had taken. */
static int busy(const struct search *x) {
    for (uint32_t i = 0; i < x->threads; i++)
        if (x->workers[i].at < x->workers[i].end) return 1;
    return 0;
}

/* Go on for so many seconds, or to the end; always to the end of a block. */
int wakeproof_run(struct search *x, double seconds) {
    const double deadline = now() + seconds;
    while (x->status == UNDER_WAY && now() < deadline) {
        do {
            together(x, busy(x) || x->next + 4 * SLICE < x->end ? x->threads : 1, work);
            if (atomic_exchange(&x->grow, 0) && !(grow(x, &x->nodes, reinsert_nodes) &&
                                                  grow(x, &x->states, reinsert_states)))
                x->status = NO_MEMORY;
        } while (x->status == UNDER_WAY && (busy(x) || (x->next < x->end && !x->halt)));
        finish_block(x);
    }
    return x->status;
}

/* --- what a checkpoint keeps, between two blocks -------------------------------------------------- */

struct saved {
    uint64_t states, nodes, child_words, blocks, begin, layer_end, asked, transitions, queue;
    int64_t depth;
    uint32_t site_parent[SITES];
    uint32_t property_state[INVARIANTS];
};

uint32_t wakeproof_saved_size(void) { return sizeof(struct saved); }

/* The keys of the states, those of the nodes, and what says the parents. */
void *wakeproof_column(const struct search *x, uint32_t which) {
    void *const columns[] = {x->states.keys, x->nodes.keys, x->children, x->blocks};
    return columns[which];
}

/* Everything beside the columns, and how long these are. What they hold does not change any more. */
void wakeproof_save(struct search *x, struct saved *s, uint64_t *counts) {
    for (uint32_t i = 0; i < x->threads; i++) x->workers[i].spare_node = NOTHING;
    memset(s, 0, sizeof *s);
    s->states = counts[0] = x->states.count;
    s->nodes = counts[1] = x->nodes.count;
    s->child_words = counts[2] = x->child_words;
    s->blocks = counts[3] = x->block_count;
    s->begin = x->begin;
    s->layer_end = x->layer_end;
    s->asked = x->asked;
    s->transitions = x->transitions;
    s->queue = x->queue;
    s->depth = x->depth;
    memcpy(s->site_parent, x->site_parent, sizeof s->site_parent);
    memcpy(s->property_state, x->property_state, sizeof s->property_state);
}

static int restore_table(struct search *x, struct table *t, uint32_t count, void *(*run)(void *)) {
    uint32_t size = t->size;
    while (((uint64_t)size * 13 >> 4) <= count) size *= 2;
    munmap((void *)t->slots, slot_bytes(t->size));
    atomic_store(&t->count, count);
    if (!table_slots(t, size)) return 0;
    share(x, count, run);
    return 1;
}

/* Go on from there with a new search whose columns are filled; 0 if there is no memory. */
int wakeproof_restore(struct search *x, const struct saved *s) {
    for (uint32_t i = 0; i < x->threads; i++) {
        struct worker *w = &x->workers[i];
        w->spare_node = w->spare_state = NOTHING;
        memset(w->seen, 0xff, sizeof *w->seen << SEEN_BITS);
    }
    x->known = (uint32_t)s->states;
    if (!restore_table(x, &x->nodes, (uint32_t)s->nodes, reinsert_nodes) ||
        !restore_table(x, &x->states, (uint32_t)s->states, reinsert_states))
        return 0;
    x->child_words = s->child_words;
    x->block_count = (uint32_t)s->blocks;
    x->asked = s->asked;
    x->transitions = s->transitions;
    x->queue = s->queue;
    x->depth = s->depth;
    memcpy(x->site_parent, s->site_parent, sizeof s->site_parent);
    memcpy(x->property_state, s->property_state, sizeof s->property_state);
    x->layer_end = (uint32_t)s->layer_end;
    x->end = (uint32_t)s->begin;
    begin_block(x);
    return 1;
}

void wakeproof_report(const struct search *x, struct report *r) {
    r->states = x->states.count;
    r->transitions = x->transitions;
    r->queue = x->queue;
    r->nodes = x->nodes.count;
    r->bytes = r->states * sizeof *x->states.keys + x->child_words * sizeof *x->children +
               r->nodes * sizeof *x->nodes.keys + slot_bytes(x->states.size) +
               slot_bytes(x->nodes.size) + BLOCK * sizeof *x->fanout +
               x->largest_block * (sizeof *x->order + sizeof *x->failing + sizeof *x->place +
                                   sizeof *x->slot_of + sizeof *x->moved);
    r->depth = x->depth;
    r->load = (double)x->states.count / (double)x->states.size;
    r->status = x->status;
    r->limit_site = x->limit_site;
}

/* The first state in which an invariant fails, or NOTHING. */
uint32_t wakeproof_property(const struct search *x, uint32_t i) { return x->property_state[i]; }

/* The first state from which a step reaches a site, or NOTHING. */
uint32_t wakeproof_site(const struct search *x, uint32_t i) { return x->site_parent[i]; }

/* The state from which a state was found first, or NOTHING for the first one. */
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
    uint32_t tree[2 * WORDS] = {0};
    struct state s;
    load(x, number, tree, &s);
    memcpy(cells, &s, CELLS);
}

/* Every step from one state, in order: how it ends (0: in a state), and the state. How many. */
uint32_t wakeproof_successors(const uint8_t *cells, uint8_t *states, uint16_t *wrong) {
    struct worker w = {.listing = calloc(BRANCHING + 1, sizeof *w.listing)};
    struct state s;
    if (!w.listing) return NOTHING;
    memcpy(&s, cells, CELLS);
    s.wrong = 0;
    /* as if it had been kept */
    for (int i = 0; i < WORDS; i++) unpack(&s, i, pack(&s, i));
    unpack_rest(&s);
    expand(&w, &s);
    for (uint32_t i = 0; i < w.steps; i++) {
        memcpy(states + (size_t)i * CELLS, &w.listing[i].state, CELLS);
        wrong[i] = w.listing[i].state.wrong;
    }
    free(w.listing);
    return w.steps;
}

/* The invariants that fail in a state; a bit for each. */
uint64_t wakeproof_broken(const uint8_t *cells) {
    struct state s;
    memcpy(&s, cells, CELLS);
    return broken(&s, UINT64_MAX);
}

/* The state that stands for all that are alike, in the place of one of them. */
void wakeproof_canonical(uint8_t *cells) {
    struct state s = {0};
    memcpy(&s, cells, CELLS);
    canonical(&s);
    memcpy(cells, &s, CELLS);
}

/* A state with the members of its types exchanged: 256 bytes a type say by which. */
void wakeproof_permute(uint8_t *cells, const uint8_t *map) {
    struct state s = {0}, t = {0};
    memcpy(&s, cells, CELLS);
    permute(&t, &s, (maps)map);
    memcpy(cells, &t, CELLS);
}

static void release(void *place, size_t bytes) {
    if (place) munmap(place, bytes);
}

void wakeproof_free(struct search *x) {
    const uint64_t most = x->most;
    release(x->nodes.keys, most * sizeof *x->nodes.keys);
    release(x->states.keys, most * sizeof *x->states.keys);
    release((void *)x->nodes.slots, slot_bytes(x->nodes.size));
    release((void *)x->states.slots, slot_bytes(x->states.size));
    release(x->children, most / 2);
    release(x->blocks, most / 64 * sizeof *x->blocks);
    release(x->order, most * sizeof *x->order);
    release(x->failing, most * sizeof *x->failing);
    release(x->place, most * sizeof *x->place);
    release(x->slot_of, most * sizeof *x->slot_of);
    release(x->moved, most * sizeof *x->moved);
    release(x->fanout, most * sizeof *x->fanout);
    for (uint32_t i = 0; x->workers && i < x->threads; i++) {
        free(x->workers[i].batch);
        free(x->workers[i].seen);
        free(x->workers[i].wanted);
    }
    free(x->workers);
    free(x);
}
