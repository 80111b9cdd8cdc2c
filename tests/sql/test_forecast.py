"""Forecasts: what a call answers, and that it is what the bare estimator says of the same lags."""

import json
import math
from datetime import date, timedelta

import numpy as np
import pytest
from asking import command, plan, refusal, rows, value

from sqlite_ml_vtab import predictor

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

ONE = "at DATE ORDER, value REAL TARGET"
MANY = "at DATE ORDER, series TEXT GROUP, value REAL TARGET"


def monthly(count, year=2010):
    return [f"{year + i // 12}-{i % 12 + 1:02d}-01" for i in range(count)]


def daily(count, first="2020-01-01"):
    start = date.fromisoformat(first)
    return [(start + timedelta(days=i)).isoformat() for i in range(count)]


def waves(count, slope=2.0, season=12, noise=3.0, seed=0):
    noisy = np.random.RandomState(seed).normal(size=count) * noise
    return [100 + slope * i + 20 * math.sin(i * 2 * math.pi / season) + float(noisy[i]) for i in range(count)]


def declare(db, columns=ONE, options="", name="t"):
    db.execute(f"CREATE VIRTUAL TABLE {name} USING ml_forecast({columns}{', ' * bool(options)}{options})")


def fill(db, times, values, series=None, name="t"):
    if series is None:
        db.executemany(f"INSERT INTO {name}(at, value) VALUES (?, ?)", list(zip(times, values)))
    else:
        rows = [(at, series, number) for at, number in zip(times, values)]
        db.executemany(f"INSERT INTO {name}(at, series, value) VALUES (?, ?, ?)", rows)


@pytest.fixture
def wave(db):
    """A trained forecast of ten years of months."""
    declare(db)
    fill(db, monthly(120), waves(120))
    command(db, "train", name="t")
    return db


@pytest.fixture
def family(db):
    """A trained forecast of three series of days, one of a name that is no ASCII."""
    declare(db, MANY)
    for place, name in enumerate(("a", "b", "ñandú 🦤")):
        fill(db, daily(150), [value * 10**place for value in waves(150, 0.3, 7, seed=place)], name)
    command(db, "train", name="t")
    return db


def metrics(db, name="t"):
    return dict(rows(db, "SELECT name, value FROM ml_metrics(?)", (name,)))


# The same numbers as the bare library


def lag_matrix(values, lags, ahead=0):
    places = range(max(lags), len(values) - ahead)
    return np.array([[values[i - lag] for lag in lags] for i in places]), np.array([values[i + ahead] for i in places])


@pytest.mark.parametrize("lags", [[1, 2, 3], [1, 2, 12]])
def test_a_recursive_forecast_is_that_of_the_bare_estimator(db, lags):
    from sklearn.linear_model import LinearRegression

    values = waves(80)
    options = "algorithm=linear_regression, season=1, difference=none, calendar=none, horizon=4"
    declare(db, ONE, f"{options}, lags='{json.dumps(lags)}'")
    fill(db, monthly(80), values)
    command(db, "train", name="t")
    model = LinearRegression().fit(*lag_matrix(values, lags))
    known = list(values)
    for _ in range(6):
        known.append(float(model.predict([[known[-lag] for lag in lags]])[0]))
    assert [x for (x,) in rows(db, "SELECT value FROM t(NULL, 6)")] == pytest.approx(known[80:], rel=1e-9)


@pytest.mark.parametrize("algorithm", ["linear_regression", "decision_tree", "hist_gradient_boosting"])
def test_a_direct_forecast_has_a_model_for_each_step_ahead(db, algorithm):
    from sqlite_ml_vtab.learning.algorithms import ALGORITHMS

    estimator = ALGORITHMS[algorithm].estimator_class("regression")
    params = {} if algorithm == "linear_regression" else {"max_depth": 3}
    seeded = {} if algorithm == "linear_regression" else {"random_state": 0}

    def made(rows):
        return estimator(**{**ALGORITHMS[algorithm].default_params("regression", rows, 3), **params, **seeded})

    values, lags = waves(90), [1, 2, 5]
    options = f"algorithm={algorithm}, hyperparams='{json.dumps(params)}', season=1, difference=none, calendar=none"
    declare(db, ONE, f"{options}, horizon=3, lags='[1, 2, 5]', strategy=direct")
    fill(db, monthly(90), values)
    command(db, "train", name="t")
    last = [[values[-lag] for lag in lags]]
    expected = [float(made(85 - h).fit(*lag_matrix(values, lags, h)).predict(last)[0]) for h in range(3)]
    assert [x for (x,) in rows(db, "SELECT value FROM t(NULL, 3)")] == pytest.approx(expected, rel=1e-9)


def test_differences_are_taken_from_the_last_value_and_scaled_as_by_the_bare_library(db):
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    values, lags = waves(60), [1, 2, 3, 4]
    declare(db, ONE, "season=1, calendar=none, horizon=2, lags=4")
    fill(db, monthly(60), values)
    command(db, "train", name="t")
    matrix, target = lag_matrix(values, lags)
    off = matrix - matrix[:, :1]
    model = make_pipeline(StandardScaler(), Ridge()).fit(off, target - matrix[:, 0])
    known = list(values)
    for _ in range(5):
        row = np.array([[known[-lag] for lag in lags]])
        known.append(float(known[-1] + model.predict(row - known[-1])[0]))
    assert [x for (x,) in rows(db, "SELECT value FROM t(NULL, 5)")] == pytest.approx(known[60:], rel=1e-9)


def test_one_model_of_several_series_is_that_of_the_bare_estimator(db):
    from sklearn.linear_model import LinearRegression

    lags, series = [1, 2, 3], {"a": waves(70), "b": [50 * value for value in waves(50, 1.0, seed=3)]}
    declare(db, MANY, "algorithm=linear_regression, season=1, calendar=none, horizon=2, lags=3")
    for name, values in series.items():
        fill(db, daily(len(values)), values, name)
    command(db, "train", name="t")
    unit = {name: np.abs(np.diff(values)).mean() for name, values in series.items()}

    def features(name, matrix):
        return np.column_stack([(matrix - matrix[:, :1]) / unit[name], np.full(len(matrix), float(name == "a"))])

    pairs = {name: lag_matrix(values, lags) for name, values in series.items()}
    matrix = np.vstack([features(name, lagged) for name, (lagged, _) in pairs.items()])
    target = np.concatenate([(truth - lagged[:, 0]) / unit[name] for name, (lagged, truth) in pairs.items()])
    model = LinearRegression().fit(matrix, target)
    for name, values in series.items():
        known = list(values)
        for _ in range(4):
            row = features(name, np.array([[known[-lag] for lag in lags]]))
            known.append(float(known[-1] + unit[name] * model.predict(row)[0]))
        found = [x for (x,) in rows(db, "SELECT value FROM t(NULL, 4, ?)", (name,))]
        assert found == pytest.approx(known[len(values) :], rel=1e-9)


def test_the_backtest_is_that_of_the_bare_estimator_fitted_before_the_test_part(db):
    from sklearn.linear_model import LinearRegression

    values, lags, horizon, tested = waves(60), [1, 2], 2, 15
    declare(db, ONE, "algorithm=linear_regression, season=1, difference=none, calendar=none, horizon=2, lags=2")
    fill(db, monthly(60), values)
    command(db, "train", name="t")
    model = LinearRegression().fit(*lag_matrix(values[: 60 - tested], lags))
    errors, naive = [], []
    for origin in range(60 - tested, 60 - horizon + 1):
        known = values[:origin]
        for ahead in range(horizon):
            known = [*known, float(model.predict([[known[-lag] for lag in lags]])[0])]
            errors.append(abs(known[-1] - values[origin + ahead]))
            naive.append(abs(values[origin - 1] - values[origin + ahead]))
    unit = np.abs(np.diff(values[: 60 - tested])).mean()
    found = metrics(db)
    assert found["mean_absolute_error"] == pytest.approx(np.mean(errors), rel=1e-9)
    assert found["mean_absolute_error[naive]"] == pytest.approx(np.mean(naive), rel=1e-9)
    assert found["mean_absolute_scaled_error"] == pytest.approx(np.mean(errors) / unit, rel=1e-9)
    assert found["skill"] == pytest.approx(1 - np.mean(errors) / np.mean(naive), rel=1e-9)
    assert value(db, "SELECT rows_tested FROM ml_versions('t')") == len(errors)


# What a call answers


def test_a_forecast_begins_behind_the_last_row_and_follows_trend_and_season(wave):
    found = rows(wave, "SELECT at, value, lower, upper, ahead, warning FROM t(NULL)")
    assert [row[0] for row in found] == monthly(12, 2020)
    truth = waves(132, noise=0)[120:]
    assert np.abs(np.array([row[1] for row in found]) - truth).max() < 6
    assert all(low < middle < high for _, middle, low, high, _, _ in found)
    widths = [high - low for _, _, low, high, _, _ in found]
    assert widths == sorted(widths) or min(np.diff(widths)) > -1e-9
    assert [row[4:] for row in found] == [(n, None) for n in range(1, 13)]


@pytest.mark.parametrize("algorithm", ["random_forest", "hist_gradient_boosting", "knn", "ridge"])
def test_every_algorithm_follows_a_trend_beyond_what_it_has_seen(db, algorithm):
    declare(db, ONE, f"algorithm={algorithm}")
    fill(db, monthly(120), waves(120, noise=0.5))
    command(db, "train", name="t")
    found = np.array([x for (x,) in rows(db, "SELECT value FROM t(NULL, 12)")])
    truth = np.array(waves(132, noise=0)[120:])
    assert found.mean() > 340  # the mean of the last year known is 330, the truth 353
    assert np.abs(found - truth).mean() < 10
    assert metrics(db)["skill"] > 0.5


def test_start_and_horizon_are_told_back(wave):
    assert rows(wave, "SELECT start, horizon, of_series, ahead FROM t('2020-02-01', 1)") == [("2020-02-01", 1, None, 2)]


def test_a_start_beyond_the_end_walks_there(wave):
    later = rows(wave, "SELECT at, value, lower, ahead FROM t('2020-03-01', 2)")
    assert later == rows(wave, "SELECT at, value, lower, ahead FROM t(NULL, 4)")[2:]
    assert [row[3] for row in later] == [3, 4]


def test_a_start_between_two_steps_is_the_next_step(wave):
    assert rows(wave, "SELECT at FROM t('2020-03-15', 1)") == [("2020-04-01",)]


def test_a_start_in_the_past_uses_only_the_rows_before_it(wave):
    before = rows(wave, "SELECT at, value, lower, ahead FROM t('2019-01-01', 6)")
    assert [row[3] for row in before] == [1, 2, 3, 4, 5, 6]
    wave.execute("UPDATE t SET value = 9999 WHERE at >= '2019-01-01'")
    assert rows(wave, "SELECT at, value, lower, ahead FROM t('2019-01-01', 6)") == before
    wave.execute("DELETE FROM t WHERE at >= '2019-01-01'")
    assert rows(wave, "SELECT at, value, lower, ahead FROM t(NULL, 6)") == before


def test_new_rows_move_the_origin_without_a_new_model(wave):
    first = value(wave, "SELECT value FROM t(NULL, 1)")
    wave.execute("INSERT INTO t VALUES ('2020-01-01', ?)", (first,))
    assert rows(wave, "SELECT at FROM t(NULL, 1)") == [("2020-02-01",)]
    assert value(wave, "SELECT count(*) FROM ml_versions('t')") == 1


def test_a_forecast_further_than_it_was_tested_warns_and_widens(wave):
    found = rows(wave, "SELECT upper - lower, warning FROM t(NULL, 48)")
    assert found[12][1] == "13 steps ahead, and it was tested for 12"
    assert found[47][0] == pytest.approx(2 * found[11][0], rel=1e-6)


def test_stored_rows_are_read_as_in_any_predictor(wave):
    assert value(wave, "SELECT count(*) FROM t") == 120
    assert rows(wave, "SELECT at FROM t WHERE rowid = 3") == [("2010-03-01",)]
    assert refusal(wave, "UPDATE t SET value = 1 WHERE start = '2020-01-01'").startswith("InputError: t: a prediction")


def test_each_series_has_its_own_forecast(family):
    found = rows(family, "SELECT series, count(*), min(at), avg(value) FROM t(NULL, 7) GROUP BY series")
    assert [row[:3] for row in found] == [(name, 7, "2020-05-30") for name in ("a", "b", "ñandú 🦤")]
    level = found[0][3]
    assert found[1][3] == pytest.approx(10 * level, rel=0.1)
    assert found[2][3] == pytest.approx(100 * level, rel=0.1)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT at, value, lower FROM t(NULL, 7, 'b')",
        "SELECT at, value, lower FROM t(NULL, 7) WHERE series = 'b'",
        "SELECT at, value, lower FROM t(NULL, 7) WHERE series IN ('b', 'x')",
        "SELECT f.at, f.value, f.lower FROM (SELECT 'b' AS name) AS s JOIN t(NULL, 7, s.name) AS f",
        "SELECT f.at, f.value, f.lower FROM (SELECT 'b' AS name) AS s JOIN t(NULL, 7) AS f ON f.series = s.name",
        "SELECT f.at, f.value, f.lower FROM (SELECT 7 AS n) AS h JOIN t(NULL, h.n) AS f WHERE f.series || '' = 'b'",
    ],
)
def test_every_way_to_ask_for_one_series_gives_the_same(family, sql):
    expected = [row[1:] for row in rows(family, "SELECT series, at, value, lower FROM t(NULL, 7)") if row[0] == "b"]
    found = rows(family, sql)
    assert [row[0] for row in found] == [row[0] for row in expected]
    assert np.array([row[1:] for row in found]) == pytest.approx(np.array([row[1:] for row in expected]), rel=1e-9)


def test_a_join_asks_for_many_series_and_starts(family):
    family.execute("CREATE TABLE s(name, start); INSERT INTO s VALUES ('a', '2020-04-01'), ('ñandú 🦤', NULL)")
    sql = "SELECT s.name, f.at, f.series, f.ahead FROM s JOIN t(s.start, 2, s.name) AS f ORDER BY 1, 2"
    assert rows(family, sql) == [
        ("a", "2020-04-01", "a", 1),
        ("a", "2020-04-02", "a", 2),
        ("ñandú 🦤", "2020-05-30", "ñandú 🦤", 1),
        ("ñandú 🦤", "2020-05-31", "ñandú 🦤", 2),
    ]


def test_a_series_that_training_did_not_see_is_forecast_with_a_warning(family):
    fill(family, daily(40), waves(40, 0.3, 7), "new")
    found = rows(family, "SELECT value, warning FROM t(NULL, 3, 'new')")
    assert all(math.isfinite(number) for number, _ in found)
    assert found[0][1] == "series: 'new' was not seen in training"


def test_a_short_series_says_how_little_is_known_of_it(family):
    fill(family, daily(3), [5, 6, 7], "new")
    assert "3 of the 14 steps it looks back at are known" in value(family, "SELECT warning FROM t(NULL, 1, 'new')")


def test_several_group_columns_tell_series_apart_together(db):
    declare(db, "at DATE ORDER, shop TEXT GROUP, item INTEGER GROUP, value REAL TARGET")
    for shop in ("x", "y"):
        for item in (1, 2):
            db.executemany(
                "INSERT INTO t VALUES (?, ?, ?, ?)",
                [(at, shop, item, v) for at, v in zip(daily(60), waves(60, item, 7, seed=item))],
            )
    command(db, "train", name="t")
    expected = rows(db, "SELECT value FROM t(NULL, 2) WHERE shop = 'y' AND item = 2")
    for series in ("json_array('y', 2)", "'[\"y\", 2]'", "json_object('item', 2, 'shop', 'y')"):
        assert rows(db, f"SELECT shop, item FROM t(NULL, 2, {series})") == [("y", 2)] * 2
        found = rows(db, f"SELECT value FROM t(NULL, 2, {series})")
        assert np.array(found) == pytest.approx(np.array(expected), rel=1e-9)
    assert refusal(db, "SELECT * FROM t(NULL, 2, 'y')") == (
        "InputError: t: of_series names a series by shop, item, got 'y'. Pass json_array(shop, item)."
    )


def of_two(db, column, keys):
    """Train a forecast of two series of whole steps, called `keys`."""
    declare(db, f"at INTEGER ORDER, {column} GROUP, value REAL TARGET")
    for place, key in enumerate(keys):
        db.executemany("INSERT INTO t VALUES (?, ?, ?)", [(i, key, 1000 * place + i % 7) for i in range(60)])
    command(db, "train", name="t")


@pytest.mark.parametrize(
    ("column", "keys", "condition", "found"),
    [
        ("g TEXT", ("a", "b"), "g = 'A' COLLATE NOCASE", ["a"]),
        ("g TEXT", ("a", "A"), "g = 'A' COLLATE NOCASE", ["A", "a"]),
        ("g TEXT", ("a", "b"), "g = x'00'", []),
        ("g TEXT", ("a", "b"), "g = NULL", []),
        ("g TEXT", ("1", "1.0"), "g = 1.0", ["1.0"]),
        ("g TEXT", ("1", "1.0"), "g = 1", ["1"]),
        ("g TEXT", ("1", "2"), "g = 1.0", []),
        ("g INTEGER", (1, 2), "g = 1.0", [1]),
        ("g INTEGER", (1, 2), "g = '1'", [1]),
        ("g INTEGER", (1, 2), "g = ' 1.0 '", [1]),
        ("g INTEGER", (1, 2), "g = 1.5", []),
        ("g INTEGER", (1, 2), "g = 9e999", []),
        ("g REAL", (1.0, 2.5), "g = 1", [1.0]),
        ("g REAL", (1.0, 2.5), "g = '1'", [1.0]),
        ("g REAL", (1.0, 2.5), "g = 2.5", [2.5]),
        ("g", (1, "2"), "g = 1.0", [1]),
        ("g", (1, "2"), "g = '1'", []),
        ("g", (1, "2"), "g = 2", []),
        ("g", (1.0, "2"), "g IN (1, '2')", [1.0, "2"]),
    ],
)
def test_a_condition_finds_the_series_that_sqlite_says_are_equal(db, column, keys, condition, found):
    of_two(db, column, keys)
    told = [key for (key,) in rows(db, f"SELECT g FROM t(NULL, 1) WHERE {condition} ORDER BY g")]
    assert list(map(repr, told)) == list(map(repr, found))
    assert told == [
        key for (key,) in rows(db, f"SELECT g FROM (SELECT DISTINCT g FROM t) WHERE {condition} ORDER BY g")
    ]


def test_a_join_on_another_form_of_a_number_finds_every_series(db):
    of_two(db, "g INTEGER", (1, 2))
    db.execute("CREATE TABLE s(g REAL); INSERT INTO s VALUES (1), (2), (3)")
    assert rows(db, "SELECT s.g, t.g FROM s JOIN t(NULL, 1) ON t.g = s.g ORDER BY 1") == [(1, 1), (2, 2)]
    assert rows(db, "SELECT s.g, t.g FROM s JOIN t(NULL, 1, s.g) WHERE s.g < 3 ORDER BY 1") == [(1, 1), (2, 2)]


@pytest.mark.parametrize(("one", "other"), [(1, "1"), (1.0, "1"), (0.1, "0.1")])
def test_two_series_of_one_name_are_refused(db, one, other):
    assert refusal_of_two(db, one, other) == (
        f"TrainingError: t: series {one!r} and series {other!r} have one name. "
        "Store 'g' alike in both: all as text, or all as numbers."
    )


def refusal_of_two(db, *keys):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - its class is part of what is returned
        of_two(db, "g", keys)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_a_number_and_the_real_equal_to_it_are_one_series(db):
    declare(db, "at INTEGER ORDER, g GROUP, value REAL TARGET")
    db.executemany("INSERT INTO t VALUES (?, ?, ?)", [(i, 1.0 if i % 2 else 1, i % 7) for i in range(60)])
    command(db, "train", name="t")
    assert rows(db, "SELECT count(DISTINCT g), count(*) FROM t(NULL, 2)") == [(1, 2)]


@pytest.mark.parametrize("value", ["9e999", "-9e999", "1e300", "1.5", "'x'", "x'00'"])
def test_a_start_that_is_no_whole_number_is_refused(db, value):
    of_two(db, "g", (1, 2))
    assert refusal(db, f"SELECT * FROM t({value}, 3)").startswith(
        "InputError: t: start is a whole number, as 'at' is, "
    )


@pytest.mark.parametrize(
    "second", ["100000000000000000000000", "-9223372036854775809", "NaN", "1e999", "[]", '"\\ud800"']
)
def test_a_series_called_by_what_sqlite_cannot_store_is_refused(db, second):
    declare(db, "at INTEGER ORDER, g TEXT GROUP, h GROUP, value REAL TARGET")
    db.executemany("INSERT INTO t VALUES (?, 'a', ?, ?)", [(i, h, i % 7) for h in (1, None) for i in range(60)])
    command(db, "train", name="t")
    for series in (f'["a", {second}]', f'{{"h": {second}, "g": "a"}}'):
        said = refusal(db, "SELECT * FROM t(NULL, 1, ?)", (series,))
        assert said.startswith("InputError: t: of_series names a series by g, h, got '")
        assert said.endswith("Pass json_array(g, h).")
    for second in ("1", "1.0", "true", '"1"'):
        assert rows(db, "SELECT g, h FROM t(NULL, 1, ?)", (f'["a", {second}]',)) == [("a", 1)]
    assert rows(db, "SELECT g, h FROM t(NULL, 1, json_array('a', NULL))") == [("a", None)]
    assert refusal(db, "SELECT * FROM t(NULL, 1, json_array('a', 9223372036854775807))").startswith(
        "InputError: t: no series 'a', 9223372036854775807. "
    )


# Steps


@pytest.mark.parametrize(
    ("times", "following"),
    [
        (monthly(60), ["2015-01-01", "2015-02-01"]),
        ([
            (date(2015 + (i + 1) // 12, (i + 1) % 12 + 1, 1) - timedelta(days=1)).isoformat() for i in range(60)
        ], ["2020-01-31", "2020-02-29"]),
        ([f"{1950 + i}-06-30" for i in range(60)], ["2010-06-30", "2011-06-30"]),
        ([f"{2000 + i // 4}-{i % 4 * 3 + 1:02d}-15" for i in range(60)], ["2015-01-15", "2015-04-15"]),
        (daily(60, "2020-01-01"), ["2020-03-01", "2020-03-02"]),
        ([x for x in daily(84, "2024-01-01") if date.fromisoformat(x).weekday() < 5], ["2024-03-25", "2024-03-26"]),
        ([(date(2020, 1, 6) + timedelta(weeks=i)).isoformat() for i in range(60)], ["2021-03-01", "2021-03-08"]),
        ([f"2024-03-{30 + i // 24:02d} {i % 24:02d}:00" for i in range(48)], ["2024-04-01 00:00", "2024-04-01 01:00"]),
        ([f"2024-03-30T{i // 4:02d}:{i % 4 * 15:02d}:00Z" for i in range(60)],
         ["2024-03-30T15:00:00Z", "2024-03-30T15:15:00Z"]),
        ([1_700_000_000 + 3600 * i for i in range(60)], [1_700_216_000, 1_700_219_600]),
        ([2460000.5 + i for i in range(60)], [2460060.5, 2460061.5]),
        ([f"{2000 + i // 12}-{i % 12 + 1:02d}" for i in range(60)], ["2005-01", "2005-02"]),
    ],
)  # fmt: skip
def test_the_step_is_found_and_dates_are_written_as_they_were(db, times, following):
    declare(db)
    fill(db, times, waves(len(times), season=7))
    command(db, "train", name="t")
    assert [at for (at,) in rows(db, "SELECT at FROM t(NULL, 2)")] == following


def test_a_leap_day_is_a_day_like_any_other(db):
    declare(db)
    fill(db, daily(58, "2024-01-01"), waves(58, season=7))
    command(db, "train", name="t")
    assert [at for (at,) in rows(db, "SELECT at FROM t(NULL, 3)")] == ["2024-02-28", "2024-02-29", "2024-03-01"]


def test_whole_numbers_count_steps(db):
    declare(db, "n INTEGER ORDER, value REAL TARGET", "season=7")
    db.executemany("INSERT INTO t VALUES (?, ?)", [(10 * i, v) for i, v in enumerate(waves(80, season=7))])
    command(db, "train", name="t")
    assert [n for (n,) in rows(db, "SELECT n FROM t(NULL, 2)")] == [800, 810]
    assert [n for (n,) in rows(db, "SELECT n FROM t(795, 2)")] == [800, 810]
    assert refusal(db, "SELECT * FROM t('2020-01-01')") == (
        "InputError: t: start is a whole number, as 'n' is, got '2020-01-01'."
    )


def test_rows_in_any_order_give_the_same_model(db):
    known = list(enumerate(zip(monthly(60), waves(60)), 1))
    for name, ordered in (("t", known), ("u", known[::-1])):
        declare(db, ONE, name=name)
        db.executemany(f"INSERT INTO {name}(rowid, at, value) VALUES (?, ?, ?)", [(i, at, v) for i, (at, v) in ordered])
        command(db, "train", name=name)
    assert value(db, "SELECT digest FROM ml_versions('t')") == value(db, "SELECT digest FROM ml_versions('u')")


def test_gaps_are_named_and_forecast_over(db):
    declare(db)
    times, values = daily(120), waves(120, season=7)
    kept = [i for i in range(120) if i % 11 != 5]
    fill(db, [times[i] for i in kept], [values[i] for i in kept])
    db.execute("INSERT INTO t VALUES (?, NULL)", (times[5],))
    command(db, "train", name="t")
    assert "11 steps of 1 day have no value" in value(db, "SELECT notes FROM ml_versions('t')")
    found = rows(db, "SELECT at, value FROM t(NULL, 7)")
    assert found[0][0] == "2020-04-30"
    assert np.abs(np.array([x for _, x in found]) - waves(127, season=7, noise=0)[120:]).max() < 15


@pytest.mark.parametrize("algorithm", ["ridge", "hist_gradient_boosting"])
def test_a_gap_is_filled_from_what_was_known_before_it(db, algorithm):
    declare(db, ONE, f"algorithm={algorithm}")
    times, values = daily(100), waves(100, season=7)
    fill(db, times[:80] + times[82:], values[:80] + values[82:])
    command(db, "train", name="t")
    before = rows(db, f"SELECT value FROM t('{times[81]}', 1)")
    db.execute(f"UPDATE t SET value = 1e6 WHERE at > '{times[81]}'")
    assert rows(db, f"SELECT value FROM t('{times[81]}', 1)") == before


def test_rows_a_little_off_their_step_are_moved_and_named(db):
    declare(db)
    times = [f"2024-05-{1 + i // 24:02d} {i % 24:02d}:{(0, 0, 3)[i % 3]:02d}:00" for i in range(120)]
    fill(db, times, waves(120, season=24))
    command(db, "train", name="t")
    assert value(db, "SELECT notes FROM ml_versions('t')") == (
        '["40 rows stand a little off the steps of 1 hour and were moved"]'
    )
    assert rows(db, "SELECT at FROM t(NULL, 1)") == [("2024-05-06 00:00:00",)]


def test_the_step_that_is_asked_for_holds(db):
    declare(db, ONE, "step=month")
    days = [(date(2015 + i // 12, i % 12 + 1, 1 + (i * 5) % 3)).isoformat() for i in range(60)]
    fill(db, days, waves(60))
    command(db, "train", name="t")
    assert [at[:7] for (at,) in rows(db, "SELECT at FROM t(NULL, 2)")] == ["2020-01", "2020-02"]


# Features known of the future


def test_a_feature_is_taken_from_the_rows_of_the_future(db):
    declare(db, "at DATE ORDER, holiday INTEGER, value REAL TARGET")
    holiday = [int((i * 7) % 10 == 0) for i in range(120)]
    values = [v + 50 * h for v, h in zip(waves(120, season=7), holiday)]
    db.executemany("INSERT INTO t VALUES (?, ?, ?)", list(zip(daily(120), holiday, values)))
    command(db, "train", name="t")
    assert refusal(db, "SELECT * FROM t(NULL, 2)") == (
        "InputError: t: the series has no row at '2020-04-30', and a forecast there needs 'holiday'. "
        "INSERT that row with NULL for 'value'."
    )
    db.execute("INSERT INTO t VALUES ('2020-04-30', 0, NULL), ('2020-05-01', 1, NULL)")
    (_, plain), (_, festive) = rows(db, "SELECT holiday, value FROM t(NULL, 2)")
    assert festive - plain > 30
    assert rows(db, "SELECT at, holiday FROM t(NULL, 2)") == [("2020-04-30", 0), ("2020-05-01", 1)]


def test_features_of_every_kind_are_told_back_as_they_are_stored(db):
    declare(db, "note TEXT KEY, at DATE ORDER, price REAL, kind TEXT, since DATE, open, value REAL TARGET")
    kinds = ["a", "b", None]
    known = [
        (f"n{i}", at, i % 4 or None, kinds[i % 3], "2019-01-05", i % 2, v)
        for i, (at, v) in enumerate(zip(daily(90), waves(90, season=7)))
    ]
    db.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)", known)
    db.execute("INSERT INTO t VALUES ('x', '2020-03-31', 2.5, 'c', '2019-02-01', 1, NULL)")
    command(db, "train", name="t")
    (*told, value), *_ = rows(db, "SELECT * FROM t(NULL, 1)")
    assert told == ["x", "2020-03-31", 2.5, "c", "2019-02-01", 1]
    assert math.isfinite(value)
    predictor.SCORERS._scorers.clear()
    assert rows(db, "SELECT value FROM t(NULL, 1)") == [(value,)]
    db.execute("INSERT INTO t(t) VALUES ('rebuild')")


# Intervals


def test_intervals_hold_about_the_share_that_was_asked_for(db):
    random = np.random.RandomState(1)
    inside = []
    for number in range(6):
        name = f"t{number}"
        declare(db, ONE, "confidence=0.8, horizon=5", name)
        values = np.cumsum(random.normal(size=460)).tolist()
        fill(db, daily(400), values[:400], name=name)
        command(db, "train", name=name)
        assert abs(metrics(db, name)["interval_coverage"] - 0.8) < 0.12
        for origin in range(400, 455):
            found = rows(db, f"SELECT lower, upper FROM {name}(NULL, 5)")
            inside += [low <= truth <= high for (low, high), truth in zip(found, values[origin : origin + 5])]
            db.execute(f"INSERT INTO {name} VALUES (?, ?)", (daily(460)[origin], values[origin]))
    assert abs(np.mean(inside) - 0.8) < 0.08


def test_a_higher_confidence_is_wider(wave):
    narrow = value(wave, "SELECT upper - lower FROM t(NULL, 1)")
    command(wave, "train", {"confidence": 0.5, "deploy": True}, name="t")
    assert value(wave, "SELECT upper - lower FROM t(NULL, 1)") < narrow


# Versions


def test_the_same_rows_and_options_give_the_same_model(wave):
    command(wave, "train", name="t")
    [(first,), (second,)] = rows(wave, "SELECT digest FROM ml_versions('t')")
    assert first == second


@pytest.mark.parametrize("options", [{}, {"algorithm": "random_forest", "hyperparams": {"n_estimators": 5}}])
def test_a_reopened_file_forecasts_the_same_bits_and_rebuilds(connect, path, options):
    db = connect(path)
    declare(db, MANY)
    for place, name in enumerate("ab"):
        fill(db, daily(100), waves(100, 1, 7, seed=place), name)
    command(db, "train", options, name="t")
    ask = "SELECT at, series, value, lower, upper FROM t(NULL, 9)"
    found = rows(db, ask)
    db.close()
    predictor.SCORERS._scorers.clear()
    db = connect(path)
    assert rows(db, ask) == found
    command(db, "rebuild", name="t")
    assert rows(db, ask) == found


def test_a_worse_version_is_not_deployed_and_rollback_goes_back(wave):
    good = rows(wave, "SELECT value FROM t(NULL, 3)")
    command(wave, "train", {"algorithm": "dummy"}, name="t")
    assert rows(wave, "SELECT value FROM t(NULL, 3)") == good
    command(wave, "train", {"algorithm": "dummy", "deploy": True}, name="t")
    assert rows(wave, "SELECT value FROM t(NULL, 3)") != good
    assert rows(wave, "SELECT value FROM t(NULL, 3) WHERE version = 1") == good
    command(wave, "rollback", name="t")
    assert rows(wave, "SELECT value FROM t(NULL, 3)") == good
    assert rows(wave, "SELECT baseline FROM ml_versions('t')") == [(0.0,)] * 3


def test_a_failed_training_leaves_nothing_behind(wave):
    wave.execute("BEGIN; INSERT INTO t VALUES ('2019-12-01', 5)")
    assert refusal(wave, "INSERT INTO t(t) VALUES ('train')").startswith("TrainingError: t: the series has 2 rows")
    wave.execute("ROLLBACK")
    assert len(rows(wave, "SELECT value FROM t(NULL, 3)")) == 3
    assert value(wave, "SELECT count(*) FROM t_versions") == 1


def test_an_estimator_of_the_host_is_fitted_again(connect, path):
    from sklearn.linear_model import Ridge

    class Mine(Ridge):
        pass

    db = connect(path, algorithms={"mine": Mine})
    declare(db, ONE, "algorithm=mine")
    fill(db, monthly(60), waves(60))
    command(db, "train", name="t")
    found = rows(db, "SELECT value FROM t(NULL, 3)")
    db.close()
    predictor.SCORERS._scorers.clear()
    db = connect(path, algorithms={"mine": Mine})
    assert rows(db, "SELECT value FROM t(NULL, 3)") == found


def test_the_holdout_has_each_tested_row_once(wave):
    found = rows(wave, "SELECT h.truth = r.value, h.prediction FROM t_holdout AS h JOIN t_rows AS r ON r.id = h.row")
    assert len(found) == 24
    assert all(same for same, _ in found)


# Plans

PLANS = {
    "SELECT * FROM t": ["SCAN t VIRTUAL TABLE INDEX 0:rows"],
    "SELECT * FROM t WHERE rowid = 1": ["SCAN t VIRTUAL TABLE INDEX 1:row"],
    "SELECT * FROM t(NULL)": ["SCAN t VIRTUAL TABLE INDEX 18:forecast"],
    "SELECT * FROM t(NULL, 3)": ["SCAN t VIRTUAL TABLE INDEX 50:forecast"],
    "SELECT * FROM t(NULL, 3, 'a')": ["SCAN t VIRTUAL TABLE INDEX 114:series"],
    "SELECT * FROM t(NULL, 3) WHERE series = 'a'": ["SCAN t VIRTUAL TABLE INDEX 306:series"],
    "SELECT * FROM s JOIN t(NULL, 3, s.name)": ["SCAN s", "SCAN t VIRTUAL TABLE INDEX 114:series"],
    "SELECT * FROM t(s.start, 3) JOIN s": ["SCAN s", "SCAN t VIRTUAL TABLE INDEX 50:forecast"],
}


@pytest.mark.parametrize("sql", PLANS)
def test_a_query_is_planned(family, sql):
    family.execute("CREATE TABLE s(name, start)")
    assert [line for line in plan(family, sql) if "BLOOM" not in line] == PLANS[sql]


def test_the_rows_are_read_once_a_query(family, monkeypatch):
    from sqlite_ml_vtab.predictor import forecasting

    noted, original = [], forecasting.series_rows
    monkeypatch.setattr(forecasting, "series_rows", lambda *args: noted.append(args[1]) or original(*args))
    family.execute("CREATE TABLE s(name); INSERT INTO s VALUES ('a'), ('b'), ('a'), ('ñandú 🦤')")
    assert len(rows(family, "SELECT value FROM s JOIN t(NULL, 2, s.name)")) == 8
    assert noted == [{"series": "a"}, None]


# Refusals

DECLARATIONS = {
    "value REAL TARGET": "no column says when a row was. Write ORDER behind one: at DATE ORDER.",
    "at DATE ORDER": "no column to predict. Write TARGET behind one: value REAL TARGET.",
    "at TEXT ORDER, value REAL TARGET": (
        "column 'at' is ORDER and TEXT; dates or whole numbers put a series in order. Declare it DATE or INTEGER."
    ),
    "at DATE ORDER, b DATE ORDER, value REAL TARGET": "ORDER is written at 2 columns, 'at', 'b'. Keep one.",
    "at DATE ORDER, value REAL TARGET, w REAL TARGET": "TARGET is written at 2 columns, 'value', 'w'. Keep one.",
    "at DATE ORDER, value TEXT TARGET": (
        "target 'value' is TEXT, and a forecast predicts numbers. Declare it REAL."
    ),
    "at DATE ORDER, value REAL TARGET, w REAL WEIGHT": (
        "column 'w' is WEIGHT, and a forecast gives every step the same weight. Declare it KEY."
    ),
    "at DATE ORDER, value REAL TARGET, s TEXT SPLIT": (
        "column 's' is SPLIT, and a forecast is tested on its last steps. Declare it KEY."
    ),
    "at DATE ORDER, ahead REAL TARGET": "column 'ahead' is a column every predictor has. Rename the column.",
    f"{ONE}, split=last": "option 'split' has no use here: a forecast is tested on its last steps. Leave it out.",
    f"{ONE}, content=x": "option 'content' has no use here: a forecast goes on from rows of its own. Leave it out.",
    f"{ONE}, lags=0": "option 'lags' takes 'auto', a whole number up to 10000, or a JSON array of them such as "
    "'[1, 2, 12]', got '0'.",
    f"{ONE}, step=fortnight": "option 'step' takes one of auto, minute, hour, day, business_day, week, month, quarter, "
    "year, or a number of seconds, got 'fortnight'.",
    f"{ONE}, strategy=both": "option 'strategy' takes one of recursive, direct, got 'both'.",
    f"{ONE}, algorithm=logistic_regression": None,
}  # fmt: skip


@pytest.mark.parametrize("columns", DECLARATIONS)
def test_a_declaration_that_cannot_stand_is_refused(db, columns):
    found = refusal(db, f"CREATE VIRTUAL TABLE t USING ml_forecast({columns})")
    expected = DECLARATIONS[columns]
    assert found.startswith("DeclarationError: t: ")
    assert expected is None or found == f"DeclarationError: t: {expected}"


def test_options_of_a_forecast_are_not_for_other_tasks(db):
    assert refusal(db, "CREATE VIRTUAL TABLE p USING ml_regression(a REAL, y REAL TARGET, lags=3)") == (
        "DeclarationError: p: option 'lags' is for forecast, and this is regression. Leave it out."
    )


@pytest.mark.parametrize(
    ("times", "values", "sentence"),
    [
        ([], [], "there are no rows. Insert rows first: INSERT INTO ... SELECT ... FROM ..."),
        (daily(3), [None] * 3, "no row has a target. Insert rows first: INSERT INTO ... SELECT ... FROM ..."),
        (
            daily(3),
            [1, 2, 3],
            "the longest series has 3 steps, and looking 2 back and 1 ahead needs 9. "
            "Insert more rows, or ask for less with lags, season and horizon.",
        ),
        (daily(1), [1], "no series has two rows at different times. Insert more rows, or set the option step."),
        (
            [*daily(20), "2020-01-05"],
            range(21),
            "the series has 2 rows in one step of 1 day: '2020-01-05' and '2020-01-05'. Keep one row a step: "
            "INSERT ... SELECT at, avg(value) ... GROUP BY at, or declare GROUP what tells several series apart.",
        ),
        (
            [*daily(20), "2020-01-25 10:00"],
            range(21),
            "the steps are unequal: the series stands at '2020-01-25 10:00', and steps of 1 day would be at "
            "'2020-01-25 00:00' and '2020-01-26 00:00'. Aggregate to equal steps (GROUP BY strftime(...)), or set the "
            "option step.",
        ),
        (
            [*daily(20), "0020-01-05"],
            range(21),
            "the series has 21 rows on 730,501 steps of 1 day, from '0020-01-05' to '2020-01-20'. Correct a wrong date, "
            "set the option step, or insert the rows between, with 0 if nothing happened.",
        ),
        (
            [f"2024-01-{1 + i // 4:02d} {(i * i * 7) % 24:02d}:{(i * i * 13) % 60:02d}" for i in range(40)],
            range(40),
            "the steps are unequal: rows are 720 to 55680 seconds apart. "
            "Aggregate to equal steps (GROUP BY strftime(...)), or set the option step.",
        ),
        ([*daily(20), None], range(21), "'at' is NULL in row 21, so nobody knows when it was. Delete the row."),
    ],
)
def test_rows_that_make_no_series_are_refused(db, times, values, sentence):
    declare(db)
    fill(db, times, values)
    assert refusal(db, "INSERT INTO t(t) VALUES ('train')") == f"TrainingError: t: {sentence}"


def test_a_step_that_is_too_short_is_refused(db):
    declare(db, ONE, "step=hour")
    fill(db, daily(30), waves(30))
    assert refusal(db, "INSERT INTO t(t) VALUES ('train')") == (
        "TrainingError: t: 30 of 697 steps of 1 hour have a value. Set a longer step, or insert the rows between, "
        "with 0 if nothing happened."
    )


def test_a_forecast_without_rows_has_nothing_to_go_on_from(wave):
    wave.execute("DELETE FROM t")
    assert refusal(wave, "SELECT * FROM t(NULL)") == (
        "InputError: t: there are no rows to go on from. INSERT at least the last 13 steps."
    )


def test_the_number_of_steps_that_is_asked_for_is_enough(db):
    declare(db)
    fill(db, daily(9), waves(9))
    command(db, "train", name="t")
    assert len(rows(db, "SELECT value FROM t(NULL)")) == 1


def test_a_series_of_one_value_is_forecast_as_it_is(db):
    declare(db)
    fill(db, monthly(40), [7] * 40)
    command(db, "train", name="t")
    assert "the target never changes; there is nothing to learn" in value(db, "SELECT notes FROM ml_versions('t')")
    assert rows(db, "SELECT value, lower, upper FROM t(NULL, 2)") == [(7.0, 7.0, 7.0)] * 2
    assert metrics(db)["skill"] == 0.0


ASKED = {
    "SELECT * FROM t('soon')": "column 'start' is DATE, got 'soon'. Write ISO 8601 text such as '2024-05-31' or "
    "'2024-05-31 12:30:00', a julian day or a unix time, of the years 1 to 9999.",
    "SELECT * FROM t('2000-01-01')": "start '2000-01-01' is before the second row of every series. "
    "Start later, or insert older rows.",
    "SELECT * FROM t('9000-01-01')": "the series would go 83,772 steps ahead, and 20,000 is the limit. "
    "Start nearer to its last row.",
    "SELECT * FROM t(NULL, 0)": "horizon is a whole number from 1 to 10000, got 0. Say how many steps.",
    "SELECT * FROM t(NULL, 1.5)": "horizon is a whole number from 1 to 10000, got 1.5. Say how many steps.",
    "SELECT * FROM t(NULL, 'x')": "horizon is a whole number from 1 to 10000, got 'x'. Say how many steps.",
    "SELECT * FROM t(NULL, 3, 'a')": "there is one series only, got of_series 'a'. "
    "Leave it out, or declare a GROUP column.",
    "SELECT * FROM t(NULL, 3, NULL, 5)": "takes start, horizon, of_series, got 4 arguments. "
    "Pass NULL for what is left open.",
    "SELECT * FROM t WHERE source = 'x'": "a forecast has no source. "
    "INSERT rows of the future with NULL for 'value' instead.",
    "SELECT ml_predict('t', 1)": "a forecast is asked as a table. Write: SELECT * FROM t(NULL, 12).",
    "SELECT * FROM t WHERE version = 1": "version belongs to a prediction. Pass features too, or source.",
    "INSERT INTO t(at, value, start) VALUES ('2030-01-01', 1, 2)": "column 'start' is computed and cannot be stored. "
    "Leave it out.",
}  # fmt: skip


@pytest.mark.parametrize("sql", ASKED)
def test_a_call_that_cannot_be_answered_says_why(wave, sql):
    assert refusal(wave, sql) == f"InputError: t: {ASKED[sql]}"


@pytest.mark.parametrize("name", ["cross_validate", "tune", "compare"])
def test_a_command_that_divides_rows_into_folds_is_refused(wave, name):
    assert refusal(wave, f"INSERT INTO t(t) VALUES ('{name}')") == (
        f"CommandError: t: {name} divides rows into folds, and a forecast is tested by a rolling origin. "
        "Train with other options: INSERT INTO t(t, options) VALUES ('train', '{...}')."
    )


def test_a_forecast_needs_no_warm_start(wave):
    assert refusal(wave, "INSERT INTO t(t, options) VALUES ('train', '{\"warm\": true}')") == (
        "CommandError: t: option 'warm' has no use here: a forecast goes on from new rows at once. Leave it out."
    )


def test_an_unknown_series_is_named_with_its_like(family):
    assert refusal(family, "SELECT * FROM t(NULL, 3, 'c')") == ("InputError: t: no series 'c'. Series: a, b, ñandú 🦤.")
    assert rows(family, "SELECT * FROM t(NULL, 3) WHERE series = 'c'") == []


def test_a_forecast_without_a_model_says_how_to_train(db):
    declare(db)
    assert refusal(db, "SELECT * FROM t(NULL)") == (
        "ModelError: t: no trained model. Run: INSERT INTO t(t) VALUES ('train')."
    )


def test_the_model_of_another_forecast_is_refused(wave):
    declare(wave, "at DATE ORDER, v REAL TARGET", name="u")
    wave.executemany("INSERT INTO u VALUES (?, ?)", list(zip(monthly(60), waves(60))))
    command(wave, "train", name="u")
    wave.execute("UPDATE t_models SET (model, digest) = (SELECT model, digest FROM u_models)")
    assert refusal(wave, "SELECT * FROM t(NULL)").startswith(
        "ModelError: t: the model of version 1 was trained for other columns."
    )
    wave.execute("INSERT INTO t(t) VALUES ('rebuild')")


ODD_STEPS = [
    {"unit": "number", "size": 1.0, "phase": 0.0},
    {"unit": "second", "size": 1e-3, "phase": 0.0},
    {"unit": "second", "size": 3.0e10, "phase": -1e14},
    {"unit": "second", "size": 1e15, "phase": 0.0},
    {"unit": "number", "size": 1e-300, "phase": 0.0},
    {"unit": "month", "size": 12000, "phase": 0.0},
    {"unit": "month", "size": 10**14, "phase": 0.0},
    {"unit": "month", "size": 1, "phase": 1e14},
    {"unit": "month", "size": 1, "phase": 0.0, "month": -999_999},
    {"unit": "business_day", "size": 0.5, "phase": 0.0},
    {"unit": "business_day", "size": 300_000, "phase": 0.0},
]


@pytest.mark.parametrize("step", ODD_STEPS, ids=repr)
def test_a_model_of_odd_steps_is_refused_or_answers(wave, step):
    from hashlib import sha256

    from sqlite_ml_vtab import Error
    from sqlite_ml_vtab.portable.codec import decode, encode

    tree = decode(value(wave, "SELECT model FROM t_models"))
    tree["step"] = {"day": 1, "month": 0, **step}
    blob = encode(tree)
    wave.execute("UPDATE t_models SET model = ?, digest = ?", (blob, sha256(blob).hexdigest()))
    for ask in (
        "SELECT at, value FROM t(NULL, 3)",
        "SELECT at FROM t('2020-06-01', 3)",
        "SELECT at FROM t('9999-12-31')",
    ):
        try:
            assert len(rows(wave, ask)) in (3, 12)
        except Error as error:
            assert str(error).endswith(".")
    try:
        wave.execute("INSERT INTO t(t) VALUES ('rebuild')")
    except Error as error:
        # The model keeps its golden rows: whose numbers are right cannot be told.
        assert str(error).endswith("Train a new version: INSERT INTO t(t) VALUES ('train').")


def test_a_forecast_imports_no_scikit_learn(wave, tmp_path):
    import subprocess
    import sys

    file = tmp_path / "copy.db"
    wave.execute("VACUUM INTO ?", (str(file),))
    script = (
        "import sys, apsw, sqlite_ml_vtab\n"
        f"db = apsw.Connection({str(file)!r}); sqlite_ml_vtab.load(db)\n"
        "assert len(list(db.execute('SELECT value, lower, warning FROM t(NULL, 3)'))) == 3\n"
        "print(*sorted({'sklearn', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
