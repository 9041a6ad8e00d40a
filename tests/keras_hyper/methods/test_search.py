import numpy as np

from keras_hyper.methods import search_table


def test_best_coefficients_are_found_where_they_are_monotone():
    best = {5.0: 0.1, 20.0: 0.4, 50.0: 0.9}
    table, candidates, scores = search_table(
        lambda level, c: -((c - best[level]) ** 2), list(best), True
    )
    assert table == [[level, c] for level, c in best.items()]
    assert np.shape(scores) == (3, len(candidates))


def test_table_is_monotone_where_the_best_are_not():
    best = {10.0: 1.0, 20.0: 0.2, 30.0: 0.4, 40.0: 0.0}
    table, _, _ = search_table(
        lambda level, c: -((c - best[level]) ** 2), list(best), False, [0.0, 0.2, 0.3, 0.4, 1.0]
    )
    # 0.2 and 0.4 in the wrong order cost least as 0.3 twice.
    assert table == [[10.0, 1.0], [20.0, 0.3], [30.0, 0.3], [40.0, 0.0]]
