"""The portable form of a forecast: steps, lags, and bytes that are believed only when they are whole."""

from dataclasses import replace

import numpy as np
import pytest

from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.portable import from_bytes, to_bytes
from sqlite_ml_vtab.portable.codec import decode, encode
from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder
from sqlite_ml_vtab.portable.forecasts import Forecaster, ForecastModel, Walk
from sqlite_ml_vtab.portable.lags import Recipe, change, filled, prepare, repeated
from sqlite_ml_vtab.portable.model import Golden, Model
from sqlite_ml_vtab.portable.steps import Step, in_words, written_like
from sqlite_ml_vtab.portable.values import date

DAY = 86400.0
STEPS = [
    Step("number", 10.0, 3.0),
    Step("second", 900.0, 60.0),
    Step("second", 7 * DAY, 4 * DAY),
    Step("business_day", 1, 0.0),
    Step("business_day", 2, 3600.0),
    Step("month", 1, 0.0, 1),
    Step("month", 1, 0.0, 31),
    Step("month", 3, 43200.0, 30, 2),
    Step("month", 12, 0.0, 29, 1),
]


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_the_number_of_a_step_and_its_time_belong_together(step):
    index = np.arange(-700, 700)
    times = step.times(index)
    assert (np.diff(times) > 0).all()
    assert (step.index(times) == index).all()
    assert [step.next(time) for time in times[:50]] == index[:50].tolist()
    assert [step.next(time + 1) for time in times[:50]] == (index[:50] + 1).tolist()


def test_the_end_of_a_month_is_its_last_day():
    times = Step("month", 1, 0.0, 31).times(np.arange(600, 603))
    assert times.tolist() == [date("", at) for at in ("2020-01-31", "2020-02-29", "2020-03-31")]


def test_working_days_leave_out_the_weekend():
    step = Step("business_day", 1, 0.0)
    friday, monday = (int(step.index(np.array([date("", at)]))[0]) for at in ("2024-05-03", "2024-05-06"))
    assert monday == friday + 1


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        ("2020-02-29", "2024-05-06"),
        ("2020-02", "2024-05"),
        ("2020-02-29 12:00", "2024-05-06 00:00"),
        ("2020-02-29T12:00:00", "2024-05-06T00:00:00"),
        ("2020-02-29T12:00:00Z", "2024-05-06T00:00:00Z"),
        ("2020-02-29 12:00:00+02:00", "2024-05-06 00:00:00+00:00"),
        (1582977600, 1714953600),
        (2458908.5, 2460436.5),
    ],
)
def test_a_time_is_written_as_the_example(example, expected):
    assert written_like(example, 1714953600.0) == expected


def test_steps_have_names():
    assert [in_words(step) for step in STEPS] == [
        *("10 numbers", "15 minutes", "1 week", "1 working day", "2 working days"),
        *("1 month", "1 month", "3 months", "12 months"),
    ]


RECIPE = Recipe((1, 3), (2,), ("weekday",), "last", 2, True)


def test_the_features_of_a_window():
    windows = np.array([[1.0, 2.0, 4.0]])
    prepared = prepare(RECIPE, windows, np.array([0.0]), np.array([2.0]))
    assert [column.tolist() for column in prepared.columns] == [[0.0], [-1.5], [-0.5], ["3"]]
    assert [name for name, _ in RECIPE.features()] == ["lag_1", "lag_3", "mean_2", "weekday"]
    assert prepared.target(np.array([8.0])).tolist() == [2.0]
    assert prepared.value(np.array([2.0])).tolist() == [8.0]


@pytest.mark.parametrize("level", ["none", "last", "mean", "ratio"])
def test_an_answer_leads_back_to_the_value(level):
    windows = np.array([[1.0, np.nan, 4.0], [5.0, 6.0, np.nan]])
    prepared = prepare(replace(RECIPE, level=level, fills=False), windows, np.zeros(2), np.array([1.0, 3.0]))
    assert prepared.value(prepared.target(np.array([7.0, -8.0]))).tolist() == pytest.approx([7.0, -8.0])


def test_gaps_are_filled_inside_their_window():
    gap = np.nan
    windows = np.array([[1.0, gap, 3.0, gap], [gap, 2.0, gap, 5.0], [gap] * 4, [1.0, 2.0, 3.0, 4.0]])
    found = filled(windows)
    assert found[:2].tolist() == [[1.0, 2.0, 3.0, 3.0], [2.0, 2.0, 3.5, 5.0]]
    assert np.isnan(found[2]).all()
    assert found[3].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert np.isnan(windows[0, 1])


def test_the_unit_of_a_series_is_its_change_from_season_to_season():
    assert change(np.array([1.0, 2.0, 4.0, 8.0]), 2) == 4.5
    assert change(np.array([1.0, 2.0, np.nan, 5.0]), 1) == 1.0
    assert change(np.array([1.0, 2.0]), 12) == 1.0
    assert change(np.array([5.0, 5.0, 5.0]), 1) == 1.0


def test_the_last_season_is_repeated():
    gap = np.nan
    assert repeated([1.0, 2.0, 3.0, 4.0, 5.0], 2, 3).tolist() == [4.0, 5.0, 4.0]
    assert repeated([1.0, 2.0, 3.0, gap, 5.0], 2, 4).tolist() == [2.0, 5.0, 2.0, 5.0]
    assert repeated([1.0, gap], 1, 2).tolist() == [1.0, 1.0]


def made():
    columns = [ColumnEncoding(name, "NUMBER", ("value",), low=0.0, high=1.0) for name in ("lag_1", "lag_3", "mean_2")]
    weekday = ColumnEncoding("weekday", "CATEGORY", categories=("0", "1"), table=np.eye(4, 1))
    series = ColumnEncoding("series", "CATEGORY", categories=("a", "b"), table=np.eye(4, 1))
    encoder = Encoder((*columns, weekday, series), np.zeros(5), np.zeros(5), np.ones(5))
    model = Model(
        task="regression",
        encoder=encoder,
        labels=(),
        family="linear",
        parameters={"link": "identity", "coef": np.array([[0.5, 0.1, 0.2, 0.0, 1.0]]), "intercept": np.array([1.0])},
        golden=Golden((), ()),
        costs=np.empty((0, 0)),
    )
    step = Step("second", DAY, 0.0)
    names = {"target": "value", "order": "at", "groups": ("series",)}
    return ForecastModel(**names, step=step, recipe=RECIPE, season=1, horizon=2, strategy="recursive",
                         models=(model,), widths=np.array([1.0, 2.0]))  # fmt: skip


def walked(model):
    about = Walk([np.array([1.0, 2.0, 4.0])], [("a",)], np.array([[3.0, 4.0, 5.0]]) * DAY, [], np.ones(1))
    return Forecaster(model, [None]).forecast(about)


def test_a_model_comes_back_from_its_bytes():
    model = made()
    blob = to_bytes(model)
    again = from_bytes(blob)
    assert to_bytes(again) == blob
    assert (walked(again) == walked(model)).all()
    assert np.isfinite(walked(model)).all()


def test_each_step_goes_on_from_the_one_before():
    lag, three, mean = 0.0, 1.0 - 4.0, (2.0 + 4.0) / 2 - 4.0
    first = 4.0 + 0.5 * lag + 0.1 * three + 0.2 * mean + 1.0 + 1.0
    three, mean = 2.0 - first, (4.0 + first) / 2 - first
    second = first + 0.1 * three + 0.2 * mean + 1.0 + 1.0
    assert walked(made())[0, :2].tolist() == pytest.approx([first, second])


def test_an_interval_grows_beyond_what_was_tested():
    forecaster = Forecaster(made(), [None])
    assert [forecaster.width(ahead) for ahead in (1, 2, 8)] == [1.0, 2.0, 4.0]
    assert forecaster.warning(np.array([1.0, np.nan]), ("c",), 3) == (
        "series: 'c' was not seen in training; 1 of the 3 steps it looks back at are known; "
        "3 steps ahead, and it was tested for 2"
    )


ODD = [None, True, -1, 0, 1.5, 2**62, "x", [], {}, ["x"], [None], [-1], [[1]], {"a": 1}, np.zeros(2), np.zeros((2, 2))]


def spots(tree, path=()):
    """Yield the path to every value of a header but those inside its models."""
    for key, item in tree.items():
        yield (*path, key)
        if isinstance(item, dict):
            yield from spots(item, (*path, key))


SPOTS = list(spots(decode(to_bytes(made()))))


@pytest.mark.parametrize("path", SPOTS, ids=lambda path: ".".join(path))
def test_a_header_with_an_odd_value_is_refused_or_walks(path):
    """One exception type, or a model that answers; never anything else."""
    refused = 0
    for odd in ODD:
        tree = decode(to_bytes(made()))
        box = tree
        for key in path[:-1]:
            box = box[key]
        box[path[-1]] = odd
        try:
            model = from_bytes(encode(tree))
        except ModelError:
            refused += 1
        else:
            if path != ("groups",):
                assert walked(model).shape == (1, 3)
    assert refused > len(ODD) / 2


@pytest.mark.parametrize("path", SPOTS, ids=lambda path: ".".join(path))
def test_a_header_that_lacks_a_value_is_refused(path):
    tree = decode(to_bytes(made()))
    box = tree
    for key in path[:-1]:
        box = box[key]
    del box[path[-1]]
    with pytest.raises(ModelError):
        from_bytes(encode(tree))


@pytest.mark.parametrize(
    "changed",
    [
        {"widths": np.array([2.0, 1.0])},
        {"widths": np.array([1.0])},
        {"widths": np.array([1.0, np.inf])},
        {"widths": np.array([1.0, np.nan])},
        {"strategy": "direct"},
        {"recipe": replace(RECIPE, lags=())},
        {"recipe": replace(RECIPE, lags=(10**9,))},
        {"recipe": replace(RECIPE, level="x")},
        {"step": Step("second", 0.0, 0.0)},
        {"step": Step("month", 1.5, 0.0)},
        {"step": Step("month", 1, 0.0, 32)},
        {"step": Step("month", 1, float("nan"))},
        {"models": ()},
    ],
    ids=repr,
)
def test_a_model_that_could_not_walk_is_refused(changed):
    with pytest.raises(ModelError):
        to_bytes(replace(made(), **changed))
