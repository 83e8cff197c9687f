/* Swarm search: randomised walks, for state spaces that cannot be exhausted.

   A walker walks from the initial state, lists the enabled steps of each state and takes one of
   them; at the end of a walk it returns to a place on its path and continues from there. The
   number of a walker determines the length of its walks and its preferences. All walkers share a
   table of bits in which they mark the states that they have seen: they prefer unseen states, and
   the number of marked bits is a lower bound on the number of states. */

enum { LONGEST = 512, SHORTEST = 16 };

struct way {
    uint32_t length;            /* steps, or 0 without a way */
    uint16_t ranks[LONGEST];    /* the rank of each step among the enabled ones */
};

struct walker {
    struct worker worker;
    uint64_t fate;              /* state of the random number generator */
    _Atomic uint64_t *bits;     /* the shared table */
    uint64_t size;              /* its bits, a power of two */
    uint32_t longest;           /* steps in a walk */
    uint32_t prefers;           /* how often it draws again for a step to a new state */
    uint32_t at;                /* steps on the path */
    struct state path[LONGEST + 1];
    uint16_t ranks[LONGEST];
    uint8_t is_new[BRANCHING + 1];
    uint64_t marked, steps, walks;
    uint32_t deepest, bound_site;
    struct way sites[SITES], properties[ASKED + 1];
};

static uint64_t chance(struct walker *k, uint64_t count) {
    k->fate += UINT64_C(0x9e3779b97f4a7c15);
    return mixed(k->fate) % count;
}

static uint64_t hash_of(const struct state *s) {
    const struct sixteen *lanes = lanes_of(s);
    uint64_t hash = 0;
    for (int i = 0; i < LANES; i++) hash = mixed(mixed(hash ^ lanes[i].low) ^ lanes[i].high);
    return hash;
}

/* Store the path to this step, unless a path that is as short is known. */
static void remember(struct walker *k, struct way *way, uint32_t rank) {
    if (way->length && way->length <= k->at + 1) return;
    memcpy(way->ranks, k->ranks, k->at * sizeof *way->ranks);
    way->ranks[k->at] = (uint16_t)rank;
    way->length = k->at + 1;
}

/* List the steps from the state at the end of the path; return how many lead to a state. */
static uint32_t look(struct walker *k) {
    struct worker *w = &k->worker;
    uint32_t open = 0;
    w->steps = 0;
    expand(w, &k->path[k->at]);
    for (uint32_t i = 0; i < w->steps; i++) {
        const struct state *s = &w->listing[i].state;
        k->is_new[i] = 0;
        if (s->wrong) {
            if (s->wrong == OUT_OF_RANGE || is_bound[s->wrong]) k->bound_site = s->wrong;
            else remember(k, &k->sites[s->wrong], i);
            continue;
        }
        open++;
        const uint64_t place = hash_of(s) & (k->size - 1), bit = UINT64_C(1) << (place & 63);
        if (k->bits[place >> 6] & bit) continue;
        if (atomic_fetch_or(&k->bits[place >> 6], bit) & bit) continue;
        k->is_new[i] = 1;
        k->marked++;
        for (uint64_t found = broken(s, UINT64_MAX); found; found &= found - 1)
            remember(k, &k->properties[__builtin_ctzll(found)], i);
    }
    k->steps += w->steps;
    return open;
}

static void go(struct walker *k) {
    struct worker *w = &k->worker;
    const uint32_t open = look(k);
    if (!open || k->at == k->longest) {
        /* continue in the middle of the path, or start a new walk */
        k->at = chance(k, 4) ? (uint32_t)chance(k, k->at + 1) : 0;
        k->walks++;
        return;
    }
    uint32_t step = 0;
    for (uint32_t tries = 0; tries <= k->prefers; tries++) {
        do step = (uint32_t)chance(k, w->steps);
        while (w->listing[step].state.wrong);
        if (k->is_new[step]) break;
    }
    k->ranks[k->at] = (uint16_t)step;
    k->path[++k->at] = w->listing[step].state;
    if (k->at > k->deepest) k->deepest = k->at;
}

void wakeproof_walker_free(struct walker *k) {
    free(k->worker.listing);
    free(k);
}

/* Create a walker; return NULL if there is no memory. `most` is a bound on steps, or -1. */
struct walker *wakeproof_walker(const uint8_t *initial, uint64_t number, int64_t most,
                                void *bits, uint64_t size) {
    struct walker *k = aligned_alloc(64, (sizeof *k + 63) / 64 * 64);
    if (!k) return NULL;
    memset(k, 0, sizeof *k);
    k->worker.listing = calloc(BRANCHING + 1, sizeof *k->worker.listing);
    if (!k->worker.listing) {
        free(k);
        return NULL;
    }
    k->fate = mixed(number + 1);
    k->bits = bits;
    k->size = size;
    k->longest = SHORTEST << number % 5;
    if (most >= 0 && most - 1 < k->longest) k->longest = most > 0 ? (uint32_t)most - 1 : 0;
    k->prefers = (uint32_t)(number / 5 % 4) * 2;
    memcpy(&k->path[0], initial, CELLS);
    return k;
}

/* Walk for this many seconds. */
void wakeproof_walk(struct walker *k, double seconds) {
    const double deadline = now() + seconds;
    while (now() < deadline)
        for (int i = 0; i < 64; i++) go(k);
}

/* Report marked states, steps, walks, the greatest depth, and the site of a bound, or 0. */
void wakeproof_walked(const struct walker *k, uint64_t *figures) {
    figures[0] = k->marked;
    figures[1] = k->steps;
    figures[2] = k->walks;
    figures[3] = k->deepest;
    figures[4] = k->bound_site;
}

/* Copy the ranks of the shortest way to a site, or to a state that breaks a property; return its
   length, or 0. */
uint32_t wakeproof_way(const struct walker *k, uint32_t is_site, uint32_t i, uint16_t *ranks) {
    const struct way *way = is_site ? &k->sites[i] : &k->properties[i];
    memcpy(ranks, way->ranks, way->length * sizeof *ranks);
    return way->length;
}
