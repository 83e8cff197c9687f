/* The search that follows the generated text: breadth first, layer by layer, on several threads.

   States are kept exactly. A packed state is WORDS words of 32 bits, the leaves of a binary
   tree: a pair of words has a number in the table `nodes`, so has a pair of such numbers, and
   the pair at the root is the state's key in the table `states`. States that have parts in
   common share them.

   States are numbered in the order in which one thread without any parallelism would find
   them: while a layer is under way a new state has a number by chance and remembers the first
   step that leads to it; at the end of the layer the new states are put in the order of these
   steps. So nothing that is reported depends on the number of threads. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define NOTHING UINT32_MAX
#define LATEST UINT64_MAX

enum {
    SLICE = 64,          /* states that a thread takes at a time */
    BATCH = 16,          /* successors that wait for their place in the table to be fetched */
    FIRST_BITS = 14,     /* slots of a new table, as a power of two */
    SEEN = 1 << 13,      /* pairs that a thread remembers */
    MOST_THREADS = 64,
};

enum { UNDER_WAY, COMPLETE, MAX_STATES, BOUND, NO_MEMORY };

static void *reserve(size_t bytes) {
    /* addresses; memory is used where something is written */
    void *found = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return found == MAP_FAILED ? NULL : found;
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
    unsigned bits;              /* 2^bits slots */
    APART _Atomic uint32_t count;
};

static uint64_t slot_mask(const struct table *t) { return (UINT64_C(1) << t->bits) - 1; }

static uint32_t tag_of(const struct table *t, uint64_t hash) {
    return (uint32_t)(hash >> 32) & ~(uint32_t)slot_mask(t);
}

/* A table is to grow when it is fuller than this; what threads add until they notice fits. */
static uint32_t comfortable(const struct table *t) { return (uint32_t)(UINT64_C(5) << t->bits >> 3); }

static size_t slot_bytes(unsigned bits) { return sizeof(uint32_t) << bits; }

static int table_new(struct table *t, unsigned bits, uint64_t most) {
    t->keys = reserve(most * sizeof *t->keys);
    t->slots = reserve(slot_bytes(bits));
    t->bits = bits;
    return t->keys && t->slots;
}

/* The number of a key. A new key gets the number *spare, which then is NOTHING. */
static inline uint32_t table_put(struct table *t, uint64_t key, uint64_t hash, uint32_t *spare) {
    const uint64_t mask = slot_mask(t);
    const uint32_t tag = tag_of(t, hash);
    for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
        uint32_t slot = atomic_load_explicit(&t->slots[at], memory_order_acquire);
        if (!slot) {
            const uint32_t number = *spare;
            t->keys[number] = key;
            if (atomic_compare_exchange_strong_explicit(&t->slots[at], &slot, tag | (number + 1),
                                                        memory_order_release,
                                                        memory_order_acquire)) {
                *spare = NOTHING;
                return number;
            }
        }
        if ((slot & ~(uint32_t)mask) == tag) {
            const uint32_t number = (slot & (uint32_t)mask) - 1;
            if (t->keys[number] == key) return number;
        }
    }
}

/* --- the search --------------------------------------------------------------------------------- */

struct successor {
    struct state state;
    uint64_t key, hash, order;
};

/* A pair that a thread met lately, and its number: most pairs are met again at once. */
struct seen {
    uint64_t key;
    uint32_t number;
};

struct worker {
    APART struct search *search;
    pthread_t thread;
    uint32_t at, end;                   /* the states of the layer that it still has to expand */
    uint32_t spare_node, spare_state;
    uint32_t parent, steps;             /* the state that is expanded, steps from it so far */
    uint32_t waiting;                   /* successors in the batch */
    struct successor *batch;
    struct seen *seen;
    struct state before;
    uint32_t tree[2 * WORDS];           /* of the state that is expanded; [1] is not used */
    uint32_t site_parent[SITES];        /* the first state whose step reaches the site */
    uint32_t bound_parent, bound_site;  /* the same for the bounds of the run, and which */
    struct successor *listing;          /* where a list of successors is asked for */
    uint32_t from, to;                  /* a share of work that is split evenly */
};

struct search {
    struct table nodes, states;
    uint32_t *parents;          /* by number of a state */
    uint64_t *order;            /* of the layer to come: parent << 16 | step of the first way */
    uint64_t *failing;          /* of the layer to come: the invariants that fail */
    uint32_t *place, *slot_of;  /* of the layer to come, while it is put in order */
    uint64_t *moved;
    uint16_t *fanout;           /* of this layer: steps of every state */
    uint64_t most;              /* states that addresses are reserved for */
    uint64_t max_states;        /* a limit */
    int64_t max_depth;          /* a bound, or -1 */
    uint32_t threads;
    uint32_t begin, end;        /* the layer: these numbers */
    APART _Atomic uint64_t next; /* the first state of the layer that no thread has taken */
    APART _Atomic int grow;     /* a table is to grow before anybody goes on */
    _Atomic int halt;           /* a limit is near: nothing more is taken */
    double deadline;
    uint64_t asked;             /* the invariants that have held so far */
    uint64_t transitions;
    int64_t depth;
    uint64_t queue;
    int status;
    uint32_t limit_site;
    uint32_t site_parent[SITES];
    uint32_t property_state[INVARIANTS];
    uint64_t largest_layer;
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

static int is_spare(const struct search *x, const struct table *t, uint32_t number) {
    for (uint32_t i = 0; i < x->threads; i++)
        if (number == (t == &x->states ? x->workers[i].spare_state : x->workers[i].spare_node))
            return 1;
    return 0;
}

static void reinsert(struct worker *w, struct table *t) {
    const uint64_t mask = slot_mask(t);
    for (uint32_t number = w->from; number < w->to; number++) {
        if (is_spare(w->search, t, number)) continue;
        const uint64_t hash = mixed(t->keys[number]);
        const uint32_t slot = tag_of(t, hash) | (number + 1);
        uint64_t at = hash & mask;
        for (uint32_t empty = 0;
             !atomic_compare_exchange_strong_explicit(&t->slots[at], &empty, slot,
                                                      memory_order_relaxed, memory_order_relaxed);
             empty = 0)
            at = (at + 1) & mask;
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
        if ((UINT64_C(2) << t->bits) > x->most) return 0;
        _Atomic uint32_t *slots = reserve(slot_bytes(t->bits + 1));
        if (!slots) return 0;
        munmap((void *)t->slots, slot_bytes(t->bits));
        t->slots = slots;
        t->bits++;
        share(x, t->count, run);
    }
    return 1;
}

/* --- from a state to its successors --------------------------------------------------------------- */

static inline uint32_t node(struct worker *w, uint32_t left, uint32_t right) {
    struct table *t = &w->search->nodes;
    const uint64_t key = (uint64_t)left << 32 | right, hash = mixed(key);
    struct seen *seen = &w->seen[hash >> 32 & (SEEN - 1)];
    if (seen->key == key && seen->number != NOTHING) return seen->number;
    if (w->spare_node == NOTHING) {
        w->spare_node = atomic_fetch_add_explicit(&t->count, 1, memory_order_relaxed);
        if (w->spare_node > comfortable(t)) atomic_store(&w->search->grow, 1);
    }
    seen->key = key;
    return seen->number = table_put(t, key, hash, &w->spare_node);
}

/* The tree of a state that differs from the one in w->tree in few words; gives its key. */
static inline uint64_t key_of(struct worker *w, const struct state *s) {
    uint32_t tree[2 * WORDS];
    pack(s, tree + WORDS);
    for (int i = WORDS - 1; i > 1; i--) {
        const int same = tree[2 * i] == w->tree[2 * i] && tree[2 * i + 1] == w->tree[2 * i + 1];
        tree[i] = same ? w->tree[i] : node(w, tree[2 * i], tree[2 * i + 1]);
    }
    return (uint64_t)tree[2] << 32 | tree[3];
}

static void load(const struct search *x, uint32_t number, uint32_t *tree, struct state *s) {
    const uint64_t root = x->states.keys[number];
    tree[2] = (uint32_t)(root >> 32);
    tree[3] = (uint32_t)root;
    for (int i = 2; i < WORDS; i++) {
        const uint64_t key = x->nodes.keys[tree[i]];
        tree[2 * i] = (uint32_t)(key >> 32);
        tree[2 * i + 1] = (uint32_t)key;
    }
    unpack(s, tree + WORDS);
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
        x->order[number - x->end] = LATEST;
        x->failing[number - x->end] = 0;
        w->spare_state = number;
    }
    const uint32_t number = table_put(&x->states, c->key, c->hash, &w->spare_state);
    if (number < x->end) return;
    lower(&x->order[number - x->end], c->order);
    if (w->spare_state == NOTHING && x->asked)
        x->failing[number - x->end] = broken(&c->state, x->asked);
}

static void flush(struct worker *w) {
    const struct table *t = &w->search->states;
    const uint64_t mask = slot_mask(t);
    for (uint32_t i = 0; i < w->waiting; i++) {
        const uint32_t slot = t->slots[w->batch[i].hash & mask];
        if (slot) __builtin_prefetch(&t->keys[(slot & (uint32_t)mask) - 1]);
    }
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
    c->key = key_of(w, &c->state);
    c->hash = mixed(c->key);
    c->order = (uint64_t)w->parent << 16 | step;
    __builtin_prefetch((const void *)&w->search->states.slots[c->hash & slot_mask(&w->search->states)]);
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
        if (atomic_load_explicit(&x->halt, memory_order_relaxed) || now() > x->deadline) break;
        const uint64_t at = atomic_fetch_add_explicit(&x->next, SLICE, memory_order_relaxed);
        if (at >= x->end) break;
        w->at = (uint32_t)at;
        w->end = at + SLICE < x->end ? (uint32_t)at + SLICE : x->end;
    }
pause:
    flush(w);
    return NULL;
}

/* --- the end of a layer --------------------------------------------------------------------------- */

static void begin_layer(struct search *x, uint32_t begin, uint32_t end) {
    x->begin = begin;
    x->end = end;
    atomic_store(&x->next, begin);
    memset(x->fanout, 0, (size_t)(end - begin) * sizeof *x->fanout);
    if (end - begin > x->largest_layer) x->largest_layer = end - begin;
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

/* Where the states of this layer's successors stand in the table, before any of them moves. */
static void *find_slots(void *argument) {
    struct worker *w = argument;
    struct search *x = w->search;
    const struct table *t = &x->states;
    const uint32_t mask = (uint32_t)slot_mask(t);
    for (uint32_t r = w->from; r < w->to; r++) {
        const uint32_t number = x->end + x->place[r];
        const uint64_t key = t->keys[number];
        uint32_t at = (uint32_t)mixed(key) & mask;
        while ((t->slots[at] & mask) != number + 1) at = (at + 1) & mask;
        x->slot_of[r] = at;
        x->moved[r] = key;
    }
    return NULL;
}

static void *renumber(void *argument) {
    struct worker *w = argument;
    struct search *x = w->search;
    struct table *t = &x->states;
    const uint32_t mask = (uint32_t)slot_mask(t);
    for (uint32_t r = w->from; r < w->to; r++) {
        const uint32_t number = x->end + r;
        t->keys[number] = x->moved[r];
        x->parents[number] = (uint32_t)(x->order[x->place[r]] >> 16);
        t->slots[x->slot_of[r]] = (t->slots[x->slot_of[r]] & ~mask) | (number + 1);
    }
    return NULL;
}

/* The first state of the layer after which a limit is reached, with the status that it means. */
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
    if ((uint64_t)x->end + sorted >= x->max_states) {
        const uint64_t needed = x->max_states > x->end ? x->max_states - x->end : 0;
        const uint32_t parent = needed ? (uint32_t)(x->order[x->place[needed - 1]] >> 16) : x->begin;
        if (parent < last) {
            last = parent;
            x->status = MAX_STATES;
        }
    }
    return last;
}

/* Put the new states in order and begin the next layer with them. What lies behind a limit is
   left out, so that it does not matter which thread was how far. `whole` if all was expanded. */
static void finish_layer(struct search *x, int whole) {
    for (uint32_t i = 0; i < x->threads; i++) x->workers[i].spare_state = NOTHING;
    uint32_t sorted = sort(x, x->states.count - x->end);
    if (sorted == NOTHING) {
        x->status = NO_MEMORY;
        atomic_store(&x->states.count, x->end);
        return;
    }
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
            x->property_state[__builtin_ctzll(found)] = x->end + r;
            x->asked &= ~(found & -found);
        }
    share(x, sorted, find_slots);
    share(x, sorted, renumber);
    atomic_store(&x->states.count, x->end + sorted);
    if (x->status != UNDER_WAY || !whole) return;
    begin_layer(x, x->end, x->end + sorted);
    x->queue = sorted;
    if (sorted) x->depth++;
    if (!sorted || x->depth == x->max_depth) x->status = COMPLETE;
}

/* --- what Python calls ---------------------------------------------------------------------------- */

struct report {
    uint64_t states, transitions, queue, nodes, bytes, largest_layer;
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
    unsigned bits = FIRST_BITS;
    while ((UINT64_C(1) << bits) / 4 < (uint64_t)x->threads * (BRANCHING + BATCH) * WORDS) bits++;
    x->parents = reserve(most * sizeof *x->parents);
    x->order = reserve(most * sizeof *x->order);
    x->failing = reserve(most * sizeof *x->failing);
    x->place = reserve(most * sizeof *x->place);
    x->slot_of = reserve(most * sizeof *x->slot_of);
    x->moved = reserve(most * sizeof *x->moved);
    x->fanout = reserve(most * sizeof *x->fanout);
    int ok = x->workers && x->parents && x->order && x->failing && x->place && x->slot_of &&
             x->moved && x->fanout && table_new(&x->nodes, bits, most) &&
             table_new(&x->states, bits, most);
    memset(x->site_parent, 0xff, sizeof x->site_parent);
    memset(x->property_state, 0xff, sizeof x->property_state);
    for (uint32_t i = 0; ok && i < x->threads; i++) {
        struct worker *w = &x->workers[i];
        w->search = x;
        w->spare_node = w->spare_state = w->bound_parent = NOTHING;
        memset(w->site_parent, 0xff, sizeof w->site_parent);
        w->batch = calloc(BATCH, sizeof *w->batch);
        w->seen = malloc(SEEN * sizeof *w->seen);
        ok = w->batch && w->seen;
        if (ok) memset(w->seen, 0xff, SEEN * sizeof *w->seen);
    }
    if (!ok) {
        wakeproof_free(x);
        return NULL;
    }
    struct worker *w = &x->workers[0];
    struct state s;
    memcpy(&s, initial, CELLS);
    s.wrong = 0;
    /* the tree of no state at all, from which every word differs */
    memset(w->tree, 0xff, sizeof w->tree);
    pack(&s, w->tree + WORDS);
    for (int i = WORDS; i < 2 * WORDS; i++) w->tree[i] = ~w->tree[i];
    const uint64_t key = key_of(w, &s);
    w->spare_state = 0;
    table_put(&x->states, key, mixed(key), &w->spare_state);
    atomic_store(&x->states.count, 1);
    x->parents[0] = NOTHING;
    const uint64_t all = INVARIANTS < 64 ? (UINT64_C(1) << INVARIANTS) - 1 : UINT64_MAX;
    const uint64_t found = broken(&s, all);
    for (int i = 0; i < INVARIANTS; i++)
        if (found >> i & 1) x->property_state[i] = 0;
    x->asked = all & ~found;
    begin_layer(x, 0, 1);
    x->status = max_depth ? UNDER_WAY : COMPLETE;
    return x;
}

/* Whether a thread was stopped in the middle of what it had taken. */
static int busy(const struct search *x) {
    for (uint32_t i = 0; i < x->threads; i++)
        if (x->workers[i].at < x->workers[i].end) return 1;
    return 0;
}

/* Go on for so many seconds, or to the end. */
int wakeproof_run(struct search *x, double seconds) {
    x->deadline = now() + seconds;
    while (x->status == UNDER_WAY && now() < x->deadline) {
        together(x, busy(x) || x->next + 4 * SLICE < x->end ? x->threads : 1, work);
        if (atomic_exchange(&x->grow, 0) && !(grow(x, &x->nodes, reinsert_nodes) &&
                                              grow(x, &x->states, reinsert_states)))
            x->status = NO_MEMORY;
        if (x->status == UNDER_WAY && !busy(x) && (x->next >= x->end || x->halt)) {
            const int whole = x->next >= x->end;
            atomic_store(&x->halt, 0);
            finish_layer(x, whole);
        }
    }
    return x->status;
}

/* End here: what was found stays, in order. */
void wakeproof_stop(struct search *x) { finish_layer(x, 0); }

void wakeproof_report(const struct search *x, struct report *r) {
    const uint64_t layer = x->largest_layer;
    r->states = x->states.count;
    r->transitions = x->transitions;
    r->queue = x->queue;
    r->nodes = x->nodes.count;
    r->largest_layer = layer;
    r->bytes = r->states * (sizeof *x->states.keys + sizeof *x->parents) +
               r->nodes * sizeof *x->nodes.keys + slot_bytes(x->states.bits) +
               slot_bytes(x->nodes.bits) +
               layer * (sizeof *x->order + sizeof *x->failing + sizeof *x->place +
                        sizeof *x->slot_of + sizeof *x->moved + sizeof *x->fanout);
    r->depth = x->depth;
    r->load = (double)x->states.count / (double)(UINT64_C(1) << x->states.bits);
    r->status = x->status;
    r->limit_site = x->limit_site;
}

/* The first state in which an invariant fails, or NOTHING. */
uint32_t wakeproof_property(const struct search *x, uint32_t i) { return x->property_state[i]; }

/* The first state from which a step reaches a site, or NOTHING. */
uint32_t wakeproof_site(const struct search *x, uint32_t i) { return x->site_parent[i]; }

uint32_t wakeproof_parent(const struct search *x, uint32_t number) { return x->parents[number]; }

void wakeproof_state(const struct search *x, uint32_t number, uint8_t *cells) {
    uint32_t tree[2 * WORDS];
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
    uint32_t word[2 * WORDS];
    pack(&s, word);
    unpack(&s, word);
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

static void release(void *place, size_t bytes) {
    if (place) munmap(place, bytes);
}

void wakeproof_free(struct search *x) {
    const uint64_t most = x->most;
    release(x->nodes.keys, most * sizeof *x->nodes.keys);
    release(x->states.keys, most * sizeof *x->states.keys);
    release((void *)x->nodes.slots, slot_bytes(x->nodes.bits));
    release((void *)x->states.slots, slot_bytes(x->states.bits));
    release(x->parents, most * sizeof *x->parents);
    release(x->order, most * sizeof *x->order);
    release(x->failing, most * sizeof *x->failing);
    release(x->place, most * sizeof *x->place);
    release(x->slot_of, most * sizeof *x->slot_of);
    release(x->moved, most * sizeof *x->moved);
    release(x->fanout, most * sizeof *x->fanout);
    for (uint32_t i = 0; x->workers && i < x->threads; i++) {
        free(x->workers[i].batch);
        free(x->workers[i].seen);
    }
    free(x->workers);
    free(x);
}
