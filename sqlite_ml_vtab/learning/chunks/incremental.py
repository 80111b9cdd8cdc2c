"""fit='incremental': one pass over the rows in chunks, in memory that does not grow with their number.

The encoder is learned from a seeded sample of the train part, and the metrics come from a seeded sample of the test
part (see `survey`); every other row is read once, in windows of blocks in random order, and goes through partial_fit.
"""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from sqlite_ml_vtab.declaration import Declaration, Kind, Role
from sqlite_ml_vtab.errors import DeclarationError, TrainingError, choices, shown
from sqlite_ml_vtab.learning.chunks.states import STATES
from sqlite_ml_vtab.learning.chunks.survey import Source, Span, Survey, mixed_order, parts_of, survey
from sqlite_ml_vtab.learning.columns import Wish
from sqlite_ml_vtab.learning.estimator import finished, refusing, unfitted
from sqlite_ml_vtab.learning.features import Encoded, fit_encoder
from sqlite_ml_vtab.learning.rows import TrainingRows, collect, read_columns
from sqlite_ml_vtab.learning.runs import Fitted, Plan
from sqlite_ml_vtab.learning.splits import Parts, default_split
from sqlite_ml_vtab.learning.targets import Target, read_target, row_weights
from sqlite_ml_vtab.learning.training import Trained, check_rows, evaluated
from sqlite_ml_vtab.portable.encoder import Encoder
from sqlite_ml_vtab.portable.model import Label
from sqlite_ml_vtab.portable.values import Floats

WINDOW = 100_000
"""So many rows at most are shuffled and learned from together."""
MAX_CELLS = 2**24
"""So many numbers the matrix of a window has at most: 128 MB."""

Watch = Callable[[int, TrainingRows], None]
"""What is told of every window of rows that is read, and of the number of its pass, from 0."""


@dataclass(frozen=True, slots=True)
class Start:
    """What an earlier fit has left, from which new rows go on."""

    encoder: Encoder
    labels: tuple[Label, ...]
    estimator: Any
    """As it was when that fit had ended."""
    trained: int
    """How many rows it has learned from."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of a fit in chunks."""

    fitted: Fitted
    estimator: Any
    spans: tuple[Span, ...]
    """For each pass, the first and the last row id it took."""
    again: Callable[[Watch], None]
    """Reads the windows that were learned from once more."""


def check_incremental(name: str, task: str, options: Mapping[str, Any], declaration: Declaration) -> None:
    """Refuse, with DeclarationError, what a fit in chunks cannot give."""
    if options.get("fit") != "incremental":
        return
    if name not in STATES or (task == "regression" and name not in REGRESSION):
        can = REGRESSION if task == "regression" else STATES
        raise DeclarationError(
            f"algorithm {name!r} cannot be fitted in chunks, as fit='incremental' asks. "
            f"{choices(name, can, 'Algorithms that can')}"
        )
    for option in ("calibrate", "target_transform", "sample"):
        if options.get(option) is not None:
            raise DeclarationError(f"fit='incremental' and {option} do not go together. Leave one of them out.")
    if len(declaration.targets) > 1:
        raise DeclarationError(f"fit='incremental' learns one target, got {len(declaration.targets)}. Declare one.")
    if (options.get("split") or default_split(declaration)) == "last":
        raise DeclarationError(
            "fit='incremental' cannot hold back the last rows. Write split='column' with a SPLIT column, or 'shuffle'."
        )
    if options.get("split", "column") == "column" and declaration.one(Role.SPLIT) and declaration.one(Role.GROUP):
        raise DeclarationError(
            "fit='incremental' cannot tell whether the SPLIT column keeps groups whole. Declare GROUP or SPLIT alone."
        )
    if options.get("test_size", 0.25) >= 1:
        raise DeclarationError("fit='incremental' takes test_size as a fraction, got a count. Write 0.25, say.")


REGRESSION = ("mlp", "passive_aggressive", "sgd")
"""The algorithms that learn numbers in chunks."""


def fit_in_chunks(
    source: Source,
    declaration: Declaration,
    plan: Plan,
    watch: Watch,
    spans: Sequence[Span | None] = (None,),
    start: Start | None = None,
) -> Passed:
    """Fit what `plan` asks for in one pass over each of `spans`, one after the other; None is all rows.

    With `start` the spans before the last are those it has taken, and only the last is passed over. Raises
    TrainingError with what to do about it.
    """
    from threadpoolctl import threadpool_limits

    began = time.perf_counter()
    done: list[Span] = []
    has_start = start is not None
    with threadpool_limits(plan.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, span in enumerate(spans):
            if span is not None and has_start and number < len(spans) - 1:
                done.append(span)
                continue
            seen = survey(source, declaration, plan, span if span is None or not done else (done[0][0], span[1]))
            if span is not None and seen.last < span[0]:
                raise TrainingError(f"no row came after row {span[0] - 1}, the last one taken. Insert rows first.")
            done.append((seen.first if span is None else span[0], seen.last))
            course = _Course(source, declaration, plan, seen, start)
            start = course.go(done[-1], partial(watch, number), number)
        assert start is not None
        fitted = course.evaluated(began, start.trained)
    first = len(done) - 1 if has_start else 0
    return Passed(fitted, start.estimator, tuple(done), partial(_read_again, course, done, first))


def _read_again(course: _Course, spans: Sequence[Span], first: int, watch: Watch) -> None:
    """Show `watch` the windows of the passes from the `first` on once more, as the database has them now."""
    for number, span in enumerate(spans[first:], first):
        seen = survey(course.source, course.declaration, course.plan, (spans[0][0], span[1]))
        for rows in course.windows(span, seen):
            watch(number, rows)


class _Course:
    """One pass: the sample it knows, and the estimator it teaches."""

    def __init__(self, source: Source, declaration: Declaration, plan: Plan, seen: Survey, start: Start | None) -> None:
        self.source, self.plan, self._seen = source, plan, seen
        self._names = [column.name for column in read_columns(declaration)]
        ids = np.union1d(seen.sample, seen.tests)
        self._rows = collect(declaration, source.take(self._names, ids.tolist()), len(ids))
        check_rows(self._rows)
        train, test = (np.searchsorted(self._rows.ids, part).astype(np.int64) for part in (seen.sample, seen.tests))
        self._parts = Parts(train, test)
        self.declaration = _decided(declaration, self._rows)
        self._before = 0 if start is None else start.trained
        if start is None:
            self._target = read_target(plan.task, self._rows).of_part(self._parts.train)
            self._labels = self._target.labels
            self._encoded = self._learned()
            self._estimator = unfitted(plan, self._encoded, None)
        else:
            self._labels, self._estimator = start.labels, start.estimator
            self._target = self._target_of(self._rows)
            matrix = start.encoder.matrix(self._rows.take(self._parts.train))
            self._encoded = Encoded(start.encoder, matrix, False, ())

    def _learned(self) -> Encoded:
        plan, chosen, train = self.plan, self.plan.algorithm, self._parts.train
        wants = (chosen.scale, chosen.takes_nan, chosen.codes, plan.seed, chosen.one_column)
        wish = Wish(plan.task, len(self._labels), *wants)
        encoded = fit_encoder(self._rows.declared, self._rows.take(train), self._target.answers[train], wish)
        if not encoded.encoder.width:
            raise TrainingError("every feature is NULL in every row of the sample. Insert rows with values.")
        return encoded

    def go(self, span: Span, watch: Callable[[TrainingRows], None], number: int) -> Start:
        """Teach the estimator the train rows of `span`; return from where others may go on."""
        taught, weights = self._before, self._class_weights()
        for place, rows in enumerate(self.windows(span, self._seen)):
            watch(rows)
            check_rows(rows)
            train, _ = parts_of(self.plan, rows.ids, _said(self.plan, rows))
            places = np.flatnonzero(train)
            if len(places):
                order = np.random.RandomState((self.plan.seed + 7919 * number + place) % 2**32).permutation(places)
                self._teach(rows, order, weights)
                taught += len(places)
        if taught == self._before:
            raise TrainingError("every new row belongs to the test part. Insert more rows.")
        return Start(self._encoded.encoder, self._labels, self._estimator, taught)

    def windows(self, span: Span, seen: Survey) -> Iterator[TrainingRows]:
        """Yield the rows of `span`, a window of blocks at a time; those without ids of their own as they come."""
        size = max(1_000, min(WINDOW, MAX_CELLS // self._encoded.encoder.width))
        if not self.source.has_ids:
            yield from self._collected(_gathered(self.source.chunks(self._names, None), size))
            return
        blocks = [(max(low, span[0]), high) for low, high in seen.spans if high >= span[0]]
        together = max(1, size * len(seen.spans) // (seen.trained + seen.tested))
        yield from self._collected(
            chain.from_iterable(self.source.chunks(self._names, block) for block in group)
            for group in mixed_order(blocks, together, self.plan.seed)
        )

    def _collected(self, groups: Iterable[Iterable[Sequence[tuple[Any, ...]]]]) -> Iterator[TrainingRows]:
        for chunks in groups:
            rows = collect(self.declaration, chunks)
            if len(rows.ids):
                yield rows

    def _teach(self, rows: TrainingRows, order: Any, class_weight: Mapping[str, float] | None) -> None:
        plan, target = self.plan, self._target_of(rows)
        unknown = order[target.answers[order] < 0] if self._labels else order[:0]
        if len(unknown):
            raise TrainingError(
                f"class {shown(rows.target[unknown[0]])} was in no row before, and cannot be learned later. "
                "Train anew, without warm."
            )
        with refusing(plan):
            # An attribute that is there for some hyperparameters only: not for solver lbfgs, say.
            partial_fit = self._estimator.partial_fit
        options: dict[str, Any] = {"classes": np.arange(len(self._labels))} if self._labels else {}
        weights = row_weights(rows, target, order, class_weight)
        if weights is not None:
            if "sample_weight" not in inspect.signature(partial_fit).parameters:
                raise TrainingError(
                    f"algorithm {plan.name!r} takes no weights in chunks. "
                    "Leave out the WEIGHT column and class_weight, or use another algorithm."
                )
            options["sample_weight"] = weights
        with refusing(plan):
            partial_fit(self._fit_for(rows, order), target.answers[order], **options)

    def _fit_for(self, rows: TrainingRows, order: Any) -> Floats:
        matrix = self._encoded.encoder.matrix(rows.take(order))
        # Counts cannot be negative, and a row may lie below the least of the sample.
        return np.maximum(matrix, 0.0) if self.plan.algorithm.scale == "minmax" else matrix

    def _target_of(self, rows: TrainingRows) -> Target:
        if self.plan.task == "regression":
            return read_target("regression", rows)
        places = {label: place for place, label in enumerate(self._labels)}
        return Target(self._labels, np.array([places.get(value, -1) for value in rows.target]), rows.target)

    def _class_weights(self) -> Mapping[str, float] | None:
        """Return the weight of each class by its name; 'balanced' follows from the whole train part."""
        asked = self.plan.class_weight
        if not isinstance(asked, str):
            return asked
        counts = {str(label): self._seen.labels.get(label, 0) for label in self._labels}
        return {name: self._seen.trained / (len(counts) * max(1, count)) for name, count in counts.items()}

    def evaluated(self, began: float, trained: int) -> Fitted:
        """Return the model, and how it does on the sampled test rows."""
        estimator = finished(self.plan, self._estimator, len(self._labels), self._encoded.matrix)
        trained_on = Trained(self.plan, self._target, self._encoded, estimator, ("none", ()))
        fitted = evaluated(self._rows, self._parts, trained_on, began)
        sampled = len(self._seen.tests)
        notes = [*fitted.notes]
        if sampled < self._seen.tested:
            notes.append(f"tested on a sample of {sampled} of {self._seen.tested} rows")
        if len(self._seen.sample) < self._seen.trained and not self._before:
            notes.append(f"scaling, fill values and categories are those of a sample of {len(self._seen.sample)} rows")
        if "max_iter" in self.plan.hyperparams:
            notes.append("max_iter is not heeded: the rows are passed over once")
        return replace(fitted, rows_trained=trained, notes=tuple(notes))


def _said(plan: Plan, rows: TrainingRows) -> Sequence[Any]:
    roles = {"column": "SPLIT", "group": "GROUP"}
    wanted = roles.get(plan.split)
    return next((values for role, values in rows.sides.items() if role.value == wanted), [])


def _decided(declaration: Declaration, rows: TrainingRows) -> Declaration:
    """Return the declaration with the kinds that the sample decided on: no later window decides anew."""
    kinds = {feature.name: Kind(feature.kind) for feature in rows.declared}
    columns = (
        column._replace(kind=kinds[column.name]) if column in declaration.features else column
        for column in declaration.columns
    )
    return replace(declaration, columns=tuple(columns))


def _gathered(chunks: Iterable[Sequence[tuple[Any, ...]]], size: int) -> Iterator[list[Sequence[tuple[Any, ...]]]]:
    """Yield groups of chunks of about `size` rows together."""
    group: list[Sequence[tuple[Any, ...]]] = []
    count = 0
    for chunk in chunks:
        group.append(chunk)
        count += len(chunk)
        if count >= size:
            yield group
            group, count = [], 0
    if group:
        yield group
