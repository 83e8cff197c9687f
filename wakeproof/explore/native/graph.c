/* The graph of the states that a search has found: every state is expanded once more, in the order
   of the numbers, and its steps are listed instead of counted. All values have numbers by now and
   all keys have slots. Each thread has a range of the states, and lists their steps in memory
   of its own, which is put behind that of the threads before it. */

enum { NO_GROUP = 0xFFFF };

struct graph {
    uint64_t *offsets;          /* of each state: its first step; behind the last state their number */
    uint32_t *targets;          /* of each step: the state that it leads to */
    uint16_t *groups;           /* of each step: its fair choice, or NO_GROUP */
    uint64_t *enabled;          /* of each state: the fair choices that are enabled, GROUP_WORDS each */
    uint64_t *facts;            /* of each state: the conditions that hold, FACT_WORDS each */
    uint64_t steps;
    uint64_t possible;          /* the fair actions that are left out and were possible */
    uint64_t *ever, *always;    /* the conditions that hold in some state, and in every state */
    uint32_t first;             /* the states that are listed at a time begin here */
};

static uint32_t table_find(const struct table *t, const uint64_t *key, uint64_t hash) {
    const uint32_t mask = t->mask, tag = tag_of(t, hash);
    for (uint32_t at = home(t, hash);; at = at + 1 < t->size ? at + 1 : 0) {
        const uint32_t slot = t->slots[at];
        if (!slot) return NOTHING;
        if ((slot & ~mask) == tag && same_key(t, key_of(t, number_of_slot(t, slot)), key))
            return number_of_slot(t, slot);
    }
}

/* Set the targets of the steps in the batch, whose slots are in the cache by now. */
static void find_targets(struct worker *w) {
    const struct table *t = &w->search->states;
    for (uint32_t i = 0; i < w->waiting; i++) fetch_key(t, w->batch[i].hash);
    for (uint32_t i = 0; i < w->waiting; i++) {
        const struct successor *c = &w->batch[i];
        w->graph->targets[c->order] = table_find(t, c->key, c->hash);
    }
    w->waiting = 0;
}

/* A step that goes wrong is enabled and leads nowhere. */
static void add_step(struct worker *w, struct successor *c, uint32_t group) {
    struct graph *g = w->graph;
    const struct table *t = &w->search->states;
    if (group != NO_GROUP)
        g->enabled[(uint64_t)w->parent * GROUP_WORDS + group / 64] |= UINT64_C(1) << group % 64;
    if (c->state.wrong) return;
    const uint64_t step = g->steps++;
    g->targets[step] = w->parent;
    g->groups[step] = (uint16_t)group;
    if (!key_from_before(w, c)) return;
    c->hash = hash_of_key(t, c->key);
    c->order = step;
    fetch_slot(t, c->hash);
    if (++w->waiting == BATCH) find_targets(w);
}

/* List the steps of a worker's range of states. */
static void *list_steps(void *argument) {
    struct worker *w = argument;
    struct search *x = w->search;
    struct graph *g = w->graph;
    memset(w->numbers, 0xff, sizeof w->numbers);
    for (uint32_t n = g->first + w->from; n < g->first + w->to; n++) {
        load(x, n, w->numbers, &w->before);
        memcpy(w->key, key_of(&x->states, n), x->states.limbs * sizeof *w->key);
        w->parent = n;
        w->steps = 0;
        g->offsets[n] = g->steps;
        expand(w, &w->before);
        g->possible |= probe(&w->before);
        uint64_t *facts = g->facts + (uint64_t)n * FACT_WORDS;
        condition_facts(&w->before, facts);
        for (uint32_t i = 0; i < FACT_WORDS; i++) {
            g->ever[i] |= facts[i];
            g->always[i] &= facts[i];
        }
    }
    find_targets(w);
    return NULL;
}

/* Put what a thread has listed behind what is in the graph. */
static void append(struct graph *g, const struct graph *part, uint32_t from, uint32_t to) {
    for (uint32_t n = from; n < to; n++) g->offsets[n] += g->steps;
    memcpy(g->targets + g->steps, part->targets, part->steps * sizeof *g->targets);
    memcpy(g->groups + g->steps, part->groups, part->steps * sizeof *g->groups);
    g->steps += part->steps;
    g->possible |= part->possible;
    for (uint32_t i = 0; i < FACT_WORDS; i++) {
        g->ever[i] |= part->ever[i];
        g->always[i] &= part->always[i];
    }
}

/* List the steps of the states from .. to. There is room for as many as the search has counted.
   Return 0 without memory. */
int wakeproof_graph(struct search *x, struct graph *g, uint32_t from, uint32_t to) {
    /* the first thread lists in its place what the graph has room for */
    const uint64_t most = ((uint64_t)(to - from) / x->threads + 1) * BRANCHING;
    const size_t bytes = most * (sizeof *g->targets + sizeof *g->groups);
    struct graph parts[MOST_THREADS];
    uint64_t facts[MOST_THREADS][2 * FACT_WORDS];
    int ok = 1;
    g->first = from;
    x->workers[0].graph = g;
    for (uint32_t i = 1; i < x->threads; i++) {
        struct graph *part = &parts[i];
        *part = *g;
        part->targets = reserve(bytes);
        part->groups = (uint16_t *)(part->targets + most);
        part->steps = part->possible = 0;
        part->ever = facts[i], part->always = facts[i] + FACT_WORDS;
        memset(part->ever, 0, sizeof facts[i] / 2);
        memset(part->always, 0xff, sizeof facts[i] / 2);
        x->workers[i].graph = part;
        x->workers[i].from = x->workers[i].to = 0;
        ok &= part->targets != NULL;
    }
    if (ok) share(x, to - from, list_steps);
    for (uint32_t i = 1; i < x->threads; i++) {
        const struct worker *w = &x->workers[i];
        if (ok) append(g, w->graph, from + w->from, from + w->to);
        release(parts[i].targets, bytes);
    }
    for (uint32_t i = 0; i < x->threads; i++) x->workers[i].graph = NULL;
    g->offsets[to] = g->steps;
    return ok;
}
