/* Decide in which states a fair run can stay for ever while something is owed, on the graph of all
   states. First the states are trimmed in which it cannot, for all obligations in one pass. Those
   that are left of an obligation, with the steps between them, are a graph of their own: its
   strongly connected parts, by Tarjan's algorithm without recursion. A part in which a fair choice
   is enabled but never taken, or which has only the first condition of a recurring pair, is decided
   again without the states that ask for more. `explore/progress/fair_runs.py` is the reference. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NO_GROUP = 0xFFFF, OUT = 0 };

enum { FRUITFUL = 16 };     /* trimming goes on while one of so many states is changed */

struct graph {
    const uint64_t *offsets;
    const uint32_t *targets;
    const uint16_t *groups;
    const uint64_t *enabled, *facts;
    uint32_t states, group_words, fact_words;
    const uint32_t *pairs;      /* conditions: the second recurs if the first does */
    uint32_t pair_count;
};

static int holds(const struct graph *g, uint32_t n, uint32_t condition) {
    return g->facts[(uint64_t)n * g->fact_words + condition / 64] >> condition % 64 & 1;
}

/* Return whether the first condition of a pair holds in a state without the second. */
static int asks(const struct graph *g, uint32_t n, uint32_t pair) {
    return holds(g, n, g->pairs[2 * pair]) && !holds(g, n, g->pairs[2 * pair + 1]);
}

static int may_stop(const struct graph *g, uint32_t n) {
    for (uint32_t i = 0; i < g->group_words; i++)
        if (g->enabled[(uint64_t)n * g->group_words + i]) return 0;
    for (uint32_t i = 0; i < g->pair_count; i++)
        if (asks(g, n, i)) return 0;
    return 1;
}

/* --- trimming: an obligation is a bit ---------------------------------------------------------- */

/* Of each fair choice, and behind them of each pair: the obligations for which it is taken by a
   step between states that are left, and those for which the second condition holds in one. */
struct done {
    uint64_t *taken, *seen;
};

/* Return the obligations for which a state is left: a step leads to another such state, and what
   the state asks for was `done` when all states were looked at before. Note what it does `now`. */
static uint64_t trimmed(const struct graph *g, const uint64_t *left, uint32_t n,
                        const struct done *before, struct done *now) {
    uint64_t stays = 0, asked = left[n];
    for (uint64_t e = g->offsets[n]; e < g->offsets[n + 1]; e++) {
        const uint64_t both = left[n] & left[g->targets[e]];
        stays |= both;
        if (g->groups[e] != NO_GROUP) now->taken[g->groups[e]] |= both;
    }
    for (uint32_t i = 0; i < g->group_words; i++)
        for (uint64_t bits = g->enabled[(uint64_t)n * g->group_words + i]; bits; bits &= bits - 1)
            asked &= before->taken[64 * i + (uint32_t)__builtin_ctzll(bits)];
    for (uint32_t i = 0; i < g->pair_count; i++) {
        if (holds(g, n, g->pairs[2 * i + 1])) now->seen[i] |= left[n];
        else if (holds(g, n, g->pairs[2 * i])) asked &= before->seen[i];
    }
    return stays & asked;
}

/* Trim the states for up to 64 obligations, which end in the conditions `ends`: set in `left` the
   obligations for which a fair run may go on for ever in a state, and in *found those for which it
   may in some state, or stop there. Return 0 without memory. */
int wakeproof_trim(const struct graph *g, const uint32_t *ends, uint32_t count, uint64_t *left,
                   uint64_t *found) {
    const size_t words = 64 * (size_t)g->group_words + g->pair_count;
    uint64_t *cells = malloc(2 * words * sizeof *cells);
    if (!cells) return 0;
    struct done before = {cells, cells + words - g->pair_count};
    struct done now = {cells + words, cells + 2 * words - g->pair_count};
    memset(before.taken, 0xff, words * sizeof *cells);
    uint64_t some = 0, changed = 0;
    *found = 0;
    for (uint32_t n = 0; n < g->states; n++) {
        left[n] = 0;
        for (uint32_t i = 0; i < count; i++) left[n] |= (uint64_t)!holds(g, n, ends[i]) << i;
        if (left[n] & ~*found && may_stop(g, n)) *found |= left[n];
    }
    do {
        some = changed = 0;
        memset(now.taken, 0, words * sizeof *cells);
        /* from the last to the first, as most steps lead to states that were found later */
        for (uint32_t n = g->states; n-- > 0;) {
            if (!left[n]) continue;
            const uint64_t kept = trimmed(g, left, n, &before, &now);
            some++;
            changed += kept != left[n];
            left[n] = kept;
        }
        const struct done swapped = before;
        before = now;
        now = swapped;
    } while (changed * FRUITFUL > some);
    for (uint32_t n = 0; n < g->states; n++) *found |= left[n];
    free(cells);
    return 1;
}

/* --- the parts of one obligation ---------------------------------------------------------------- */

/* The states that are left have places, in the order of their numbers. */
struct decision {
    const struct graph *g;
    uint32_t *states;           /* of each place: its state */
    uint64_t *offsets;          /* the steps between these states, as in a graph */
    uint32_t *targets;
    uint16_t *groups;
    uint32_t *set;              /* of each place: the set that it is in now, or OUT */
    uint32_t *index, *low;      /* Tarjan's numbers; index 0: not visited */
    uint64_t *at;               /* of each place on the path: its next step */
    uint32_t *path, *open;      /* the path, and the places whose part is not complete */
    uint32_t *order, *later;    /* the places of all sets, set after set; those of the next round */
    uint32_t *part;             /* the answer: of each state its part, or OUT */
    uint64_t *seen, *enabled, *taken, *asked;
    uint32_t sets, parts, clock;
};

static int is_in(const uint64_t *bits, uint32_t i) { return bits[i / 64] >> i % 64 & 1; }

/* Collect what holds, is enabled and is taken in the part `places`, which are in the set `set`.
   Return whether it has a step. */
static int collect(struct decision *d, const uint32_t *places, uint32_t count, uint32_t set) {
    const struct graph *g = d->g;
    int steps = 0;
    memset(d->seen, 0, g->fact_words * sizeof *d->seen);
    memset(d->enabled, 0, g->group_words * sizeof *d->enabled);
    memset(d->taken, 0, g->group_words * sizeof *d->taken);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t p = places[i];
        const uint64_t n = d->states[p];
        for (uint32_t k = 0; k < g->fact_words; k++) d->seen[k] |= g->facts[n * g->fact_words + k];
        for (uint32_t k = 0; k < g->group_words; k++) d->enabled[k] |= g->enabled[n * g->group_words + k];
        for (uint64_t e = d->offsets[p]; e < d->offsets[p + 1]; e++) {
            if (d->set[d->targets[e]] != set) continue;
            steps = 1;
            const uint16_t group = d->groups[e];
            if (group != NO_GROUP) d->taken[group / 64] |= UINT64_C(1) << group % 64;
        }
    }
    return steps;
}

/* Judge a strongly connected part: it is fair, or its places go to a new set that is decided later,
   or are left out. Return the number of places that were put at the end of `order`. */
static uint32_t judge(struct decision *d, const uint32_t *places, uint32_t count, uint32_t *order) {
    const struct graph *g = d->g;
    /* a set of its own, so that its steps are told from those that leave it */
    const uint32_t own = ++d->sets;
    for (uint32_t i = 0; i < count; i++) d->set[places[i]] = own;
    const int fair = collect(d, places, count, own);
    int again = 0;
    for (uint32_t k = 0; k < g->group_words; k++) {
        d->enabled[k] &= ~d->taken[k];
        again |= d->enabled[k] != 0;
    }
    memset(d->asked, 0, g->fact_words * sizeof *d->asked);
    for (uint32_t i = 0; i < g->pair_count; i++) {
        const uint32_t first = g->pairs[2 * i];
        if (!is_in(d->seen, first) || is_in(d->seen, g->pairs[2 * i + 1])) continue;
        d->asked[first / 64] |= UINT64_C(1) << first % 64;
        again = 1;
    }
    if (fair && !again) {
        d->parts++;
        for (uint32_t i = 0; i < count; i++) d->part[d->states[places[i]]] = d->parts;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t p = places[i];
        const uint64_t n = d->states[p];
        uint64_t refused = !fair || !again;
        for (uint32_t k = 0; k < g->group_words; k++)
            refused |= g->enabled[n * g->group_words + k] & d->enabled[k];
        for (uint32_t k = 0; k < g->fact_words; k++)
            refused |= g->facts[n * g->fact_words + k] & d->asked[k];
        if (refused) d->set[p] = OUT;
        else order[kept++] = p;
    }
    return kept;
}

/* Find the parts of one set from `root`; put what has to be decided again at the end of `order`. */
static uint32_t search(struct decision *d, uint32_t root, uint32_t set, uint32_t *order) {
    uint32_t depth = 0, opened = 0, kept = 0;
    d->path[depth++] = root;
    d->index[root] = d->low[root] = ++d->clock;
    d->at[root] = d->offsets[root];
    d->open[opened++] = root;
    while (depth) {
        const uint32_t p = d->path[depth - 1];
        uint32_t next = UINT32_MAX;
        while (d->at[p] < d->offsets[p + 1]) {
            const uint32_t t = d->targets[d->at[p]++];
            if (d->set[t] != set) continue;
            if (!d->index[t]) {
                next = t;
                break;
            }
            if (d->index[t] < d->low[p]) d->low[p] = d->index[t];
        }
        if (next != UINT32_MAX) {
            d->path[depth++] = next;
            d->index[next] = d->low[next] = ++d->clock;
            d->at[next] = d->offsets[next];
            d->open[opened++] = next;
            continue;
        }
        depth--;
        if (depth && d->low[p] < d->low[d->path[depth - 1]]) d->low[d->path[depth - 1]] = d->low[p];
        if (d->low[p] != d->index[p]) continue;
        uint32_t first = opened;
        while (d->open[first - 1] != p) first--;
        first--;
        kept += judge(d, d->open + first, opened - first, order + kept);
        opened = first;
    }
    return kept;
}

/* Decide round after round: the parts of every set; what is left of them is the next round's. */
static void decide(struct decision *d, uint32_t count) {
    for (uint32_t p = 0; p < count; p++) d->order[p] = p, d->set[p] = 1;
    d->sets = 1;
    while (count) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < count; i++) d->index[d->order[i]] = 0;
        d->clock = 0;
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t root = d->order[i];
            if (d->index[root] || !d->set[root]) continue;
            kept += search(d, root, d->set[root], d->later + kept);
        }
        memcpy(d->order, d->later, kept * sizeof *d->later);
        count = kept;
    }
}

/* Copy the steps between the states of `d`, whose places + 1 are in `place`, which has OUT for all
   others, and decide on them. Return 0 without memory. */
static int decide_between(struct decision *d, const uint32_t *place, uint32_t count) {
    const struct graph *g = d->g;
    const size_t facts = g->fact_words, groups = g->group_words;
    uint64_t steps = 0;
    for (uint32_t p = 0; p < count; p++)
        for (uint64_t e = g->offsets[d->states[p]]; e < g->offsets[d->states[p] + 1]; e++)
            steps += place[g->targets[e]] != OUT;
    uint32_t *cells = malloc((7 * (size_t)count + 1 + steps) * sizeof *cells);
    uint64_t *words = malloc((2 * (size_t)count + 1 + 2 * (facts + groups)) * sizeof *words);
    d->groups = malloc((steps + 1) * sizeof *d->groups);
    const int ok = cells && words && d->groups;
    if (ok) {
        d->set = cells, d->index = cells + count, d->low = d->index + count;
        d->path = d->low + count, d->open = d->path + count, d->order = d->open + count;
        d->later = d->order + count, d->targets = d->later + count;
        d->at = words, d->offsets = words + count, d->seen = d->offsets + count + 1;
        d->asked = d->seen + facts, d->enabled = d->asked + facts, d->taken = d->enabled + groups;
        steps = 0;
        for (uint32_t p = 0; p < count; p++) {
            d->offsets[p] = steps;
            for (uint64_t e = g->offsets[d->states[p]]; e < g->offsets[d->states[p] + 1]; e++) {
                const uint32_t target = place[g->targets[e]];
                if (target == OUT) continue;
                d->targets[steps] = target - 1;
                d->groups[steps++] = g->groups[e];
            }
        }
        d->offsets[count] = steps;
        decide(d, count);
    }
    free(cells);
    free(words);
    free(d->groups);
    return ok;
}

/* Mark the states that are reached from `begins` while `ends` does not hold, else all of these;
   `queue` has room for all states. */
static void mark_owed(const struct graph *g, int64_t begins, uint32_t ends, uint32_t *owed,
                      uint32_t *queue) {
    uint32_t count = 0;
    for (uint32_t n = 0; n < g->states; n++)
        if (!holds(g, n, ends) && (begins < 0 || holds(g, n, (uint32_t)begins))) {
            owed[n] = 1;
            queue[count++] = n;
        }
    if (begins < 0) return;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t n = queue[i];
        for (uint64_t e = g->offsets[n]; e < g->offsets[n + 1]; e++) {
            const uint32_t t = g->targets[e];
            if (owed[t] || holds(g, t, ends)) continue;
            owed[t] = 1;
            queue[count++] = t;
        }
    }
}

/* Decide one obligation, that of the bit `number` in `left` of `wakeproof_trim`: in `part` the part
   of each state in which a fair run can stay, or 0; in `stops` whether it may stop there. Return
   whether there is any such state, or -1 without memory.

   What was trimmed did not have to begin. The parts are the same for all that: each of them is
   reached from where the obligation begins as a whole, or not at all. */
int wakeproof_fair_runs(const struct graph *g, int64_t begins, uint32_t ends, const uint64_t *left,
                        uint32_t number, uint32_t *part, uint8_t *stops) {
    const size_t n = g->states;
    uint32_t *place = calloc(n + 1, sizeof *place), *states = malloc((n + 1) * sizeof *states);
    struct decision d = {.g = g, .part = part, .states = states};
    int found = -1;
    if (place && states) {
        mark_owed(g, begins, ends, place, states);
        found = 0;
        uint32_t count = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (!place[i]) continue;
            if (may_stop(g, i)) stops[i] = 1, found = 1;
            place[i] = OUT;
            if (!(left[i] >> number & 1)) continue;
            states[count++] = i;
            place[i] = count;
        }
        if (!decide_between(&d, place, count)) found = -1;
        else if (d.parts) found = 1;
    }
    free(place);
    free(states);
    return found;
}
