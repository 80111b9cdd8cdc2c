"""CREATE VIRTUAL TABLE arguments, turned into frozen values. Standard library only."""

from sqlite_ml_vtab.declaration.options import OPTIONS, Option, check_option
from sqlite_ml_vtab.declaration.parse import parse
from sqlite_ml_vtab.declaration.tasks import MODULES, TASKS, Task
from sqlite_ml_vtab.declaration.types import Column, Declaration, Kind, Role

__all__ = [
    "MODULES",
    "OPTIONS",
    "TASKS",
    "Column",
    "Declaration",
    "Kind",
    "Option",
    "Role",
    "Task",
    "check_option",
    "parse",
]
