"""Reading many items and collecting all problems."""

from softloc_core.errors import DataError
from softloc_core.tasks.base.sources import collect, read_all, scan_of


def test_contents_and_problems_keep_their_order() -> None:
    def read(item: int) -> tuple[int, list[DataError]]:
        if item % 3 == 0:
            raise DataError(f"{item} must not be a multiple of 3")
        return 10 * item, [DataError(f"{item} is even")] if item % 2 == 0 else []

    made, problems = read_all(range(1, 7), read, problems=[DataError("first")])
    assert made == [10, 20, 40, 50]
    wanted = ["first", "2 is even", "3 must not be a multiple of 3", "4 is even"]
    assert [str(problem) for problem in problems] == [*wanted, "6 must not be a multiple of 3"]
    assert collect(["1", "2"], int) == ([1, 2], [])
    assert scan_of([], lambda name: (name, ())).recordings == ()
