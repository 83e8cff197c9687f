/* Decide in which states a fair run can stay for ever while something is owed, on the graph of all
   states: the strongly connected parts of the states in which it is owed, by Tarjan's algorithm
   without recursion. A part in which a fair choice is enabled but never taken, or which has only the
   first condition of a recurring pair, is decided again without the states that ask for more.
   `explore/progress/fair_runs.py` is the reference. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NO_GROUP = 0xFFFF, OUT = 0 };

struct graph {
    const uint64_t *offsets;
    const uint32_t *targets;
    const uint16_t *groups;
    const uint64_t *enabled, *facts;
    uint32_t states, group_words, fact_words;
};

struct decision {
    const struct graph *g;
    const uint32_t *pairs;      /* conditions: the second recurs if the first does */
    uint32_t pair_count;
    uint32_t *set;              /* of each state: the set that it is in now, or OUT */
    uint32_t *index, *low;      /* Tarjan's numbers; index 0: not visited */
    uint64_t *at;               /* of each state on the path: its next step */
    uint32_t *path, *open;      /* the path, and the states whose part is not complete */
    uint32_t *order;            /* the states of all sets, set after set */
    uint32_t *part;             /* the answer: of each state its part, or OUT */
    uint64_t *seen, *enabled, *taken, *asked;
    uint32_t sets, parts, clock;
};

static int holds(const struct graph *g, uint32_t n, uint32_t condition) {
    return g->facts[(uint64_t)n * g->fact_words + condition / 64] >> condition % 64 & 1;
}

static int may_stop(const struct decision *d, uint32_t n) {
    const struct graph *g = d->g;
    for (uint32_t i = 0; i < g->group_words; i++)
        if (g->enabled[(uint64_t)n * g->group_words + i]) return 0;
    for (uint32_t i = 0; i < d->pair_count; i++)
        if (holds(g, n, d->pairs[2 * i]) && !holds(g, n, d->pairs[2 * i + 1])) return 0;
    return 1;
}

static int is_in(const uint64_t *bits, uint32_t i) { return bits[i / 64] >> i % 64 & 1; }

/* Collect what holds, is enabled and is taken in the part `states`, which are in the set `set`.
   Return whether it has a step. */
static int collect(struct decision *d, const uint32_t *states, uint32_t count, uint32_t set) {
    const struct graph *g = d->g;
    int steps = 0;
    memset(d->seen, 0, g->fact_words * sizeof *d->seen);
    memset(d->enabled, 0, g->group_words * sizeof *d->enabled);
    memset(d->taken, 0, g->group_words * sizeof *d->taken);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t n = states[i];
        for (uint32_t k = 0; k < g->fact_words; k++) d->seen[k] |= g->facts[n * g->fact_words + k];
        for (uint32_t k = 0; k < g->group_words; k++) d->enabled[k] |= g->enabled[n * g->group_words + k];
        for (uint64_t e = g->offsets[n]; e < g->offsets[n + 1]; e++) {
            if (d->set[g->targets[e]] != set) continue;
            steps = 1;
            const uint16_t group = g->groups[e];
            if (group != NO_GROUP) d->taken[group / 64] |= UINT64_C(1) << group % 64;
        }
    }
    return steps;
}

/* Judge a strongly connected part: it is fair, or its states go to a new set that is decided later,
   or are left out. Return the number of states that were put at the end of `order`. */
static uint32_t judge(struct decision *d, const uint32_t *states, uint32_t count, uint32_t *order) {
    const struct graph *g = d->g;
    /* a set of its own, so that its steps are told from those that leave it */
    const uint32_t own = ++d->sets;
    for (uint32_t i = 0; i < count; i++) d->set[states[i]] = own;
    const int fair = collect(d, states, count, own);
    int again = 0;
    for (uint32_t k = 0; k < g->group_words; k++) {
        d->enabled[k] &= ~d->taken[k];
        again |= d->enabled[k] != 0;
    }
    memset(d->asked, 0, g->fact_words * sizeof *d->asked);
    for (uint32_t i = 0; i < d->pair_count; i++) {
        const uint32_t first = d->pairs[2 * i];
        if (!is_in(d->seen, first) || is_in(d->seen, d->pairs[2 * i + 1])) continue;
        d->asked[first / 64] |= UINT64_C(1) << first % 64;
        again = 1;
    }
    if (fair && !again) {
        d->parts++;
        for (uint32_t i = 0; i < count; i++) d->part[states[i]] = d->parts;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t n = states[i];
        uint64_t refused = !fair || !again;
        for (uint32_t k = 0; k < g->group_words; k++)
            refused |= g->enabled[n * g->group_words + k] & d->enabled[k];
        for (uint32_t k = 0; k < g->fact_words; k++)
            refused |= g->facts[n * g->fact_words + k] & d->asked[k];
        if (refused) d->set[n] = OUT;
        else order[kept++] = (uint32_t)n;
    }
    return kept;
}

/* Find the parts of one set from `root`; put what has to be decided again at the end of `order`. */
static uint32_t search(struct decision *d, uint32_t root, uint32_t set, uint32_t *order) {
    const struct graph *g = d->g;
    uint32_t depth = 0, opened = 0, kept = 0;
    d->path[depth++] = root;
    d->index[root] = d->low[root] = ++d->clock;
    d->at[root] = g->offsets[root];
    d->open[opened++] = root;
    while (depth) {
        const uint32_t n = d->path[depth - 1];
        uint32_t next = UINT32_MAX;
        while (d->at[n] < g->offsets[n + 1]) {
            const uint32_t t = g->targets[d->at[n]++];
            if (d->set[t] != set) continue;
            if (!d->index[t]) {
                next = t;
                break;
            }
            if (d->index[t] < d->low[n]) d->low[n] = d->index[t];
        }
        if (next != UINT32_MAX) {
            d->path[depth++] = next;
            d->index[next] = d->low[next] = ++d->clock;
            d->at[next] = g->offsets[next];
            d->open[opened++] = next;
            continue;
        }
        depth--;
        if (depth && d->low[n] < d->low[d->path[depth - 1]]) d->low[d->path[depth - 1]] = d->low[n];
        if (d->low[n] != d->index[n]) continue;
        uint32_t first = opened;
        while (d->open[first - 1] != n) first--;
        first--;
        kept += judge(d, d->open + first, opened - first, order + kept);
        opened = first;
    }
    return kept;
}

/* Mark the states that are reached from `begins` while `ends` does not hold, else all of these. */
static uint32_t owed(struct decision *d, int64_t begins, uint32_t ends) {
    const struct graph *g = d->g;
    uint32_t count = 0;
    for (uint32_t n = 0; n < g->states; n++)
        if (!holds(g, n, ends) && (begins < 0 || holds(g, n, (uint32_t)begins))) {
            d->set[n] = 1;
            d->order[count++] = n;
        }
    if (begins < 0) return count;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t n = d->order[i];
        for (uint64_t e = g->offsets[n]; e < g->offsets[n + 1]; e++) {
            const uint32_t t = g->targets[e];
            if (d->set[t] || holds(g, t, ends)) continue;
            d->set[t] = 1;
            d->order[count++] = t;
        }
    }
    return count;
}

/* Decide one obligation: in `part` the part of each state in which a fair run can stay, or 0; in
   `stops` whether it may stop there. Return whether there is any such state, or -1 without memory. */
int wakeproof_fair_runs(const struct graph *g, int64_t begins, uint32_t ends, const uint32_t *pairs,
                        uint32_t pair_count, uint32_t *part, uint8_t *stops) {
    const size_t n = g->states;
    struct decision d = {.g = g, .pairs = pairs, .pair_count = pair_count, .part = part, .sets = 1};
    uint32_t *cells = calloc(7 * n + 1, sizeof *cells);
    uint64_t *words = calloc(n + 2 * (g->fact_words + g->group_words), sizeof *words);
    uint32_t *later = malloc((n + 1) * sizeof *later);
    int found = -1;
    if (cells && words && later) {
        d.set = cells, d.index = cells + n, d.low = cells + 2 * n, d.path = cells + 3 * n;
        d.open = cells + 4 * n, d.order = cells + 5 * n;
        d.at = words, d.seen = words + n, d.enabled = d.seen + g->fact_words;
        d.taken = d.enabled + g->group_words, d.asked = d.taken + g->group_words;
        uint32_t count = owed(&d, begins, ends);
        found = 0;
        for (uint32_t i = 0; i < count; i++)
            if (may_stop(&d, d.order[i])) stops[d.order[i]] = 1, found = 1;
        while (count) {
            /* a round: the parts of every set; what is left of them is the next round's */
            uint32_t kept = 0;
            for (uint32_t i = 0; i < count; i++) d.index[d.order[i]] = 0;
            d.clock = 0;
            for (uint32_t i = 0; i < count; i++) {
                const uint32_t root = d.order[i];
                if (!d.index[root] && d.set[root]) kept += search(&d, root, d.set[root], later + kept);
            }
            memcpy(d.order, later, kept * sizeof *later);
            count = kept;
        }
        if (d.parts) found = 1;
    }
    free(cells);
    free(words);
    free(later);
    return found;
}
