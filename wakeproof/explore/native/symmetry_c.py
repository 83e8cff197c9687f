"""Write the symmetry reduction as C text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wakeproof.explore.native.state_layout import NONE, StateLayout
from wakeproof.explore.native.symmetry import Symmetry
from wakeproof.language import ir


def c_text(layout: StateLayout, found: Symmetry | None) -> list[str]:
    """Write the C function `canonical`, which replaces a state by its orbit's representative."""
    if found is None:
        return [
            "enum { SYMMETRIC = 0, MOVED = 0 };",
            "typedef uint8_t (*maps)[256];",
            "static void permute(struct state *to, const struct state *s, const maps map) {}",
            "static void canonical(struct state *s) {}",
        ]
    writer = _Writer(layout, found)
    return [
        f"enum {{ SYMMETRIC = 1, MOVED = {len(found.types)}, LISTED = {len(found.listed)}, "
        f"GROUP = {len(found.group)} }};",
        "typedef uint8_t (*maps)[256];",
        *writer.permute(),
        *[line for name in found.renumbered for line in writer.renumber(name)],
        *writer.marks(),
        *writer.canonical(),
    ]


class _Writer:
    """The writer of the C text. A map of a type is a row of 256 bytes; None stays None."""

    def __init__(self, layout: StateLayout, found: Symmetry) -> None:
        self.layout = layout
        self.found = found
        self.number = {name: i for i, name in enumerate(found.types)}

    def fields(self) -> Iterator[tuple[str, ir.FieldType]]:
        """Yield every field of the layout with its type."""
        for name in (*self.layout.alone, *(f for row in self.layout.rows.values() for f in row)):
            yield name, self.layout.program.state[name]

    def place(self, name: str, keys: Sequence[str]) -> str:
        """Return a scalar of a field as C names it in a state."""
        declared = self.layout.program.state[name]
        if not keys:
            return f"m_{name}"
        inner = "".join(f"[{key}]" for key in keys[1:])
        return f"r_{declared.keys[0]}[{keys[0]}].m_{name}{inner}"

    def permute(self) -> list[str]:
        """Write the function that permutes members by their maps, in keys and in values."""
        lines = ["static void permute(struct state *to, const struct state *s, const maps map) {"]
        lines += [f"to->choice_{name} = s->choice_{name};" for name in self.layout.choices]
        for name in self.layout.alone:
            kind = self.layout.program.state[name].value.name
            lines.append(f"to->m_{name} = {self.mapped(kind, f's->m_{name}')};")
        for row, fields in self.layout.rows.items():
            lines += [
                f"for (int k = 0; k < {self.layout.size(row)}; k++) {{",
                f"struct row_{row} *const t = &to->r_{row}[{self.mapped(row, 'k')}];",
                f"const struct row_{row} *const f = &s->r_{row}[k];",
                "*t = *f;",
            ]
            for name in fields:
                declared = self.layout.program.state[name]
                if not {*declared.keys[1:], declared.value.name} & set(self.number):
                    continue
                here = there = f"m_{name}"
                for inner in declared.keys[1:]:
                    lines.append(f"for (int j = 0; j < {self.layout.size(inner)}; j++)")
                    here, there = f"{here}[j]", f"{there}[{self.mapped(inner, 'j')}]"
                lines.append(f"t->{there} = {self.mapped(declared.value.name, f'f->{here}')};")
            lines.append("}")
        return [*lines, "}"]

    def mapped(self, kind: str, text: str) -> str:
        """Write a member, mapped if its type is permuted."""
        return f"map[{self.number[kind]}][{text}]" if kind in self.number else text

    def renumber(self, kind: str) -> list[str]:
        """Write the function that numbers the members of a type in the order of a walk.

        The walk starts with the members to which other fields of the state refer, and continues
        with those to which these members refer; of the rest, the member with the least row is next.
        """
        size = self.layout.size(kind)
        lines = [
            f"static void renumber_{kind}(const struct state *s, uint8_t *map) {{",
            f"uint8_t order[{size}]; int count = 0, at = 0;",
            "#define MEET(member) do { const int m_ = (member); "
            f"if (m_ != {NONE} && map[m_] == {NONE}) {{ map[m_] = count; order[count++] = m_; }} "
            "} while (0)",
            f"for (int k = 0; k < {size}; k++) map[k] = {NONE};",
        ]
        own, rest = [], []
        for name, declared in self.fields():
            if declared.value.name == kind and kind not in declared.keys:
                keys = [f"k{i}" for i in range(len(declared.keys))]
                for key, of in zip(keys, declared.keys, strict=True):
                    lines.append(f"for (int {key} = 0; {key} < {self.layout.size(of)}; {key}++)")
                lines.append(f"MEET(s->{self.place(name, keys)});")
            elif declared.value.name == kind and declared.keys == (kind,):
                own.append(f"MEET(s->{self.place(name, ['h'])});")
            elif kind in declared.keys and declared.value.name != kind:
                keys = ["k" if k == kind else "j" for k in declared.keys]
                others = [k for k in declared.keys if k != kind]
                loop = f"for (int j = 0; j < {self.layout.size(others[0])}; j++) " if others else ""
                if len(others) < 2 and declared.keys.count(kind) == 1:
                    rest.append(
                        f"{loop}of = of * 0x100000001b3u ^ (uint8_t)s->{self.place(name, keys)};"
                    )
        return [
            *lines,
            "for (;;) {",
            "while (at < count) { const int h = order[at++]; (void)h;",
            *own,
            "}",
            f"if (count == {size}) break;",
            "int least = -1; uint64_t mark = 0;",
            f"for (int k = 0; k < {size}; k++) {{",
            f"if (map[k] != {NONE}) continue;",
            "uint64_t of = 0xcbf29ce484222325u;",
            *rest,
            "if (least < 0 || of < mark) { least = k; mark = of; }",
            "}",
            "MEET(least);",
            "}",
            "#undef MEET",
            "}",
        ]

    def marks(self) -> list[str]:
        """Write the functions that give every member of the listed types a mark.

        No permutation changes a mark: it is a hash of the member's row without other members,
        refined by the members that refer to it.
        """
        lines = [
            # whether a byte of a row is None, in its highest bit
            "static inline uint64_t mark_of(const uint8_t *row, const uint8_t *plain, "
            "const uint8_t *member, int eights) {",
            "const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);",
            "uint64_t of = 0, x, p, m;",
            "for (int i = 0; i < eights; i++) {",
            "memcpy(&x, row + 8 * i, 8);",
            "memcpy(&p, plain + 8 * i, 8);",
            "memcpy(&m, member + 8 * i, 8);",
            "const uint64_t y = ~x, none = ~(((y & low) + low) | y | low);",
            "of = (of ^ ((x & p) | (none & m))) * UINT64_C(0x9e3779b97f4a7c15);",
            "of ^= of >> 29;",
            "}",
            "return of;",
            "}",
        ]
        body, refine = [], []
        for i, kind in enumerate(self.found.listed):
            fields = self.layout.rows.get(kind, [])
            plain, member = [], []
            for name in fields:
                declared = self.layout.program.state[name]
                inner = declared.keys[1:]
                width = self.layout.size(inner[0]) if inner else 1
                moved = bool(inner) or declared.value.name in self.number
                plain += [0 if moved else 255] * width
                member += [0x80 if moved and not inner else 0] * width
            eights = (len(plain) + 7) // 8
            for text, row in (("plain", plain), ("member", member)):
                padded = [*row, *([0] * (8 * eights - len(row)))] or [0]
                lines.append(
                    f"static const uint8_t {text}_{kind}[] = {{ {', '.join(map(str, padded))} }};"
                )
            size = self.layout.size(kind)
            body += [
                f"for (int k = 0; k < {size}; k++)",
                f"mark[{i}][k] = mark_of((const uint8_t *)&s->r_{kind}[k], plain_{kind}, "
                f"member_{kind}, {eights});"
                if fields
                else f"mark[{i}][k] = 0;",
            ]
            refine += [f"for (int k = 0; k < {size}; k++) sum[{i}][k] = mark[{i}][k] * 3;"]
        for number, (name, declared) in enumerate(self.fields()):
            if declared.value.name not in self.found.listed:
                continue
            keys = [f"k{j}" for j in range(len(declared.keys))]
            by = f"{number + 1}u"
            for key, of in zip(keys, declared.keys, strict=True):
                refine.append(f"for (int {key} = 0; {key} < {self.layout.size(of)}; {key}++)")
                if of in self.found.listed:
                    by += f" + mark[{self.number[of]}][{key}]"
                elif of not in self.number:
                    by += f" + {key} * 1024u"
            target = f"sum[{self.number[declared.value.name]}]"
            refine += [
                f"{{ const int v = s->{self.place(name, keys)}; if (v != {NONE}) "
                f"{{ uint64_t x = (uint64_t)({by}) * UINT64_C(0xd6e8feb86659fd93); "
                f"{target}[v] += x ^ x >> 31; }} }}"
            ]
        width = max([1, *map(self.layout.size, self.found.listed)])
        shape = f"uint64_t (*mark)[{width}]"
        return [
            *lines,
            f"enum {{ WIDTH = {width} }};",
            f"static void marks(const struct state *s, {shape}) {{",
            *body,
            "}",
            f"static void refine(const struct state *s, {shape}) {{",
            "uint64_t sum[LISTED + 1][WIDTH];",
            *refine,
            "memcpy(mark, sum, LISTED * sizeof *sum);",
            "}",
        ]

    def canonical(self) -> list[str]:
        """Write the function that replaces a state by its representative."""
        found, layout = self.found, self.layout
        inverse = []
        forward = []
        for element in found.group:
            inverse.append([sorted(range(len(p)), key=p.__getitem__) for p in element])
            forward.append([list(p) for p in element])
        shape = f"[GROUP][{max(1, len(found.listed))}][WIDTH]"

        def initializer(rows: list[list[list[int]]]) -> str:
            return (
                "{ "
                + ", ".join(
                    "{ "
                    + (", ".join("{ " + ", ".join(map(str, p)) + " }" for p in e) or "{ 0 }")
                    + " }"
                    for e in rows
                )
                + " }"
            )

        sizes = ", ".join(str(layout.size(kind)) for kind in found.listed) or "0"
        lines = [
            f"static const uint8_t to_new{shape} = {initializer(forward)};",
            f"static const uint8_t to_old{shape} = {initializer(inverse)};",
            f"static const uint8_t listed_size[] = {{ {sizes} }};",
            # those of the first `count` chosen permutations that put the marks in the least order
            "static int least(uint64_t (*mark)[WIDTH], uint16_t *chosen, int count) {",
            "int kept = 1;",
            "for (int c = 1; c < count; c++) {",
            "const int g = chosen[c];",
            "int less = 0;",
            "for (int i = 0; i < LISTED && !less; i++)",
            "for (int k = 0; k < listed_size[i] && !less; k++) {",
            "const uint64_t a = mark[i][to_old[g][i][k]], b = mark[i][to_old[chosen[0]][i][k]];",
            "less = a < b ? -1 : a > b;",
            "}",
            "if (less < 0) kept = 0;",
            "if (less <= 0) chosen[kept++] = g;",
            "}",
            "return kept;",
            "}",
            "static void canonical(struct state *s) {",
            "uint16_t chosen[GROUP]; int count = GROUP;",
            "for (int g = 0; g < GROUP; g++) chosen[g] = g;",
            "if (GROUP > 1) {",
            "uint64_t mark[LISTED + 1][WIDTH];",
            "marks(s, mark);",
            "count = least(mark, chosen, count);",
            "for (int again = 0; again < 2 && count > 1; again++) {",
            "refine(s, mark);",
            "count = least(mark, chosen, count);",
            "}",
            "}",
            "struct state best = *s, other = *s, turned = *s;",
            "uint8_t map[MOVED + 1][256];",
            "for (int i = 0; i < MOVED; i++) {",
            f"for (int k = 0; k < {max([1, *map(layout.size, found.types)])}; k++) map[i][k] = k;",
            f"map[i][{NONE}] = {NONE};",
            "}",
            "for (int c = 0; c < count; c++) {",
            "const struct state *next = s;",
            "if (chosen[c]) {",
            "for (int i = 0; i < LISTED; i++)",
            "for (int k = 0; k < listed_size[i]; k++) map[i][k] = to_new[chosen[c]][i][k];",
            "permute(&turned, s, map);",
            "next = &turned;",
            "}",
        ]
        if found.renumbered:
            lines += [
                "for (int i = 0; i < LISTED; i++) for (int k = 0; k < WIDTH; k++) map[i][k] = k;"
            ]
            lines += ["int moves = 0;"]
            for name in found.renumbered:
                row = f"map[{self.number[name]}]"
                lines += [
                    f"renumber_{name}(next, {row});",
                    f"for (int k = 0; k < {layout.size(name)}; k++) moves |= {row}[k] != k;",
                ]
            lines += ["if (moves) { permute(&other, next, map); next = &other; }"]
        lines += ["if (count == 1) { if (next != s) *s = *next; return; }"]
        return [
            *lines,
            "if (!c || memcmp(next, &best, sizeof best) < 0) best = *next;",
            "}",
            "*s = best;",
            "}",
        ]
