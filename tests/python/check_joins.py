"""merge_join and hash_join against joins made of dicts; ends of views in between; threads; what is refused."""
import gc
import random
import threading

import copse
from copse import hash_join, merge_join
from support import Test, main, needs_numpy, numpy


def reference(left, right, left_on=lambda k, v: k, right_on=lambda k, v: k):
    table = {}
    for k, v in right:
        table.setdefault(right_on(k, v), []).append((k, v))
    return [(k, v, rk, rv) for k, v in left for rk, rv in table.get(left_on(k, v), [])]


class Joins(Test):
    def fill(self, name, pairs, **more):
        m = self.db.map(name, **more)
        with self.db.write() as t:
            for k, v in pairs:
                t[m][k] = v
        return m

    def words(self, name, count, spread):
        return self.fill(name, {b"%05d" % random.randrange(spread) * random.choice([1, 1, 30]):
                                random.randbytes(random.choice([0, 5, 700])) for _ in range(count)}.items())

    def test_maps(self):
        for count, spread in ((0, 1), (1, 1), (300, 400), (2000, 2500), (200, 100000)):
            a, b = self.words(f"a{count}.{spread}", count, spread), self.words(f"b{count}.{spread}", count, spread)
            meant = reference(a.items(), b.items())
            self.assertEqual(list(hash_join(a, b)), meant)
            self.assertEqual(list(merge_join(a, b)), [(k, v, w) for k, v, _, w in meant])
            with self.db.snapshot() as s:
                self.assertEqual(list(hash_join(s[a], b)), meant)
                self.assertEqual(list(hash_join(s[a], s[b])), meant)
                self.assertEqual(list(merge_join(a, s[b])), [(k, v, w) for k, v, _, w in meant])
            self.assertEqual(list(hash_join(list(a.items()), b)), meant)
            self.assertEqual(list(hash_join(a, list(b.items()))), meant)
            self.assertEqual(list(merge_join(list(a.items()), b)), [(k, v, w) for k, v, _, w in meant])

    def test_lists_with_repetitions(self):
        left = [(b"%d" % random.randrange(50), object()) for _ in range(500)]
        right = [(b"%d" % random.randrange(50), i) for i in range(500)]
        self.assertEqual(list(hash_join(left, right)), reference(left, right))
        self.assertEqual(list(hash_join([(b"", 1)] * 3, [(b"", 2)] * 3)), [(b"", 1, b"", 2)] * 9)
        self.assertEqual(list(hash_join([], right)) + list(hash_join(left, [])), [])
        self.assertEqual(list(hash_join(iter(left), (r for r in right))), reference(left, right))

    def test_columns(self):
        people = self.fill("people", [(i, b"%04d" % random.randrange(40) + b"name") for i in range(300)], key="u64")
        teams = self.fill("teams", [(b"%04d" % i, b"team %d" % i) for i in range(0, 40, 2)])
        meant = reference(people.items(), teams.items(), lambda k, v: v[:4])
        self.assertEqual(list(hash_join(people, teams, left_on=slice(0, 4))), meant)
        back = reference(teams.items(), people.items(), right_on=lambda k, v: v[:4])
        self.assertEqual(list(hash_join(teams, people, right_on=slice(4))), back)
        self.assertTrue(meant and back)
        both = reference(people.items(), people.items(), lambda k, v: v[:4], lambda k, v: v[:4])
        self.assertEqual(list(hash_join(people, people, slice(4), slice(4))), both)

    def test_values_that_are_too_short(self):
        a = self.fill("a", [(b"1", b"ab"), (b"2", b"a"), (b"3", b"")])
        self.assertEqual(list(hash_join(a, [(b"ab", 1), (b"a", 2), (b"", 3)], left_on=slice(0, 2))),
                         [(b"1", b"ab", b"ab", 1)])
        self.assertEqual(list(hash_join([(b"ab", 1), (b"", 2)], a, right_on=slice(0, 2))),
                         [(b"ab", 1, b"1", b"ab")])

    def test_numbers(self):
        ids = self.fill("ids", [(("H", i), i * 3) for i in range(100)], key="tuple", value="u64")
        rows = self.fill("rows", [(i, b"row %d" % i) for i in range(0, 300, 2)], key="u64")
        meant = [(("H", i), i * 3, i * 3, b"row %d" % (i * 3)) for i in range(0, 100, 2)]
        self.assertEqual(list(hash_join(ids, rows, left_on=slice(0, 8))), meant)
        back = list(hash_join(rows, ids, right_on=slice(0, 8)))
        self.assertEqual(sorted(back), sorted((c, d, a, b) for a, b, c, d in meant))
        squares = self.fill("squares", [(i, i * i) for i in range(50)], key="u64", value="u64")
        cubes = self.fill("cubes", [(i, i ** 3) for i in range(50)], key="u64", value="u64")
        same = reference(squares.items(), cubes.items(), lambda k, v: v, lambda k, v: v)
        self.assertEqual(list(hash_join(squares, cubes, slice(0, 8), slice(0, 8))), same)
        self.assertIn((8, 64, 4, 64), same)

    @needs_numpy
    def test_fields(self):
        row = numpy.dtype([("team", "u8"), ("age", "u2")])
        people = self.fill("people", [(i, (i % 7, i)) for i in range(30)], key="u64", value=row)
        teams = self.fill("teams", [(i, i * 100) for i in range(5)], key="u64", value="u64")
        found = [(k, v["team"], rk, rv) for k, v, rk, rv in hash_join(people, teams, left_on="team")]
        self.assertEqual(found, [(i, i % 7, i % 7, i % 7 * 100) for i in range(30) if i % 7 < 5])
        self.assertEqual(len(list(hash_join(teams, teams, "value", "value"))), 5)
        with self.says(ValueError, "no field 'size'"):
            hash_join(people, teams, left_on="size")

    def test_one_version(self):
        a, b = self.words("a", 500, 600), self.words("b", 500, 600)
        meant = reference(a.items(), b.items())
        for join in (hash_join(a, b), merge_join(a, b)):
            first = next(join)
            with self.db.write() as t:
                t[a].clear()
                t[b].clear()
            self.assertEqual([first[:2]] + [found[:2] for found in join], [m[:2] for m in meant])
            with self.db.write() as t:
                for k, v, rk, rv in meant:
                    t[a][k], t[b][rk] = v, rv
                self.assertEqual(len(list(merge_join(t[a], t[b]))), len(meant))

    def test_the_end_of_a_snapshot(self):
        a, b = self.words("a", 500, 600), self.words("b", 500, 600)
        for make in (hash_join, merge_join):
            s = self.db.snapshot()
            join = make(s[a], s[b])
            next(join)
            s.close()
            self.assertRaises(copse.Error, next, join)
            self.assertEqual(list(join), [])
            s = self.db.snapshot()
            join = make(s[a], s[b])
            next(join)
            a[b"another"] = b"one"
            self.assertTrue(s.refresh())
            with self.says(copse.Error, "refreshed or closed"):
                next(join)

    def test_the_end_of_the_store(self):
        a, b = self.words("a", 500, 600), self.words("b", 500, 600)
        joins = [hash_join(a, b), merge_join(a, b)]
        for join in joins:
            next(join)
        self.db.close()
        for join in joins:
            self.assertRaises(copse.Closed, next, join)
        del joins, join
        gc.collect()

    def test_two_stores(self):
        with copse.open(self.path + "-other", create=True) as other:
            a, b = self.words("a", 300, 400), other.map("b")
            for i in range(0, 400, 3):
                b[b"%05d" % i] = b"%d" % i
            meant = reference(a.items(), b.items())
            self.assertEqual(list(hash_join(a, b)), meant)
            self.assertEqual(list(hash_join(b, a)), reference(b.items(), a.items()))
            stop = []

            def work(x, y):
                while not stop:
                    list(hash_join(x, y)), list(merge_join(x, y))
            threads = [threading.Thread(target=work, args=pair) for pair in ((a, b), (b, a))]
            for t in threads:
                t.start()
            for _ in range(20):
                self.assertEqual(list(hash_join(a, b)), meant)
            stop.append(1)
            for t in threads:
                t.join()

    def test_threads_on_one_join(self):
        a = self.words("a", 2000, 2500)
        join, found, wrong = hash_join(a, a), [], []

        def work():
            while True:
                try:
                    found.append(next(join))
                except StopIteration:
                    return
                except ValueError as why:
                    wrong.append(str(why))
        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(sorted(found), sorted(reference(a.items(), a.items())))
        self.assertLessEqual(set(wrong), {"the join is in a step already"})

    def test_long_ways_without_a_match(self):
        a = self.fill("a", [(i, b"") for i in range(150000)] + [(2**40, b"l")], key="u64")
        b = self.fill("b", [(i + 10**9, b"") for i in range(150000)] + [(2**40, b"r")], key="u64")
        self.assertEqual(list(hash_join(a, b)), [(2**40, b"l", 2**40, b"r")])
        self.assertEqual(list(merge_join(a, b)), [(2**40, b"l", b"r")])

    def test_what_is_refused(self):
        a = self.words("a", 10, 20)
        with self.says(TypeError, "item 1", "(bytes, value)"):
            list(hash_join([(b"a", 1), b"b"], a))
        with self.says(TypeError, "item 0"):
            list(hash_join(a, [("text", 1)]))
        with self.says(ValueError, "item 2 is not greater"):
            list(merge_join([(b"a", 1), (b"c", 1), (b"b", 1)], [(b"c", 1), (b"d", 1)]))
        with self.says(ValueError, "only a map"):
            hash_join([(b"a", b"b")], a, left_on=slice(0, 1))
        for on in (slice(3, 1), slice(1, None), slice(0, 4, 2), slice(-3, -1), "field"):
            self.assertRaises(ValueError, hash_join, a, a, on)
        self.assertRaises(TypeError, hash_join, 5, a)
        with self.db.write() as t, self.says(ValueError, "moves when it writes"):
            hash_join(a, t[a])
        with self.db.snapshot(oustable=True) as s, self.says(ValueError, "oustable"):
            merge_join(s[a], a)


if __name__ == "__main__":
    main()
