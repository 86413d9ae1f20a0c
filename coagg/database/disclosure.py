"""The rule of suppression: what is published of few firms, or of one that dominates.

The rule stands in the data base (ops.disclosure) and is applied by the views of schema publish
alone. What the program itself shares reads the same views.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from coagg.database import adoption
from coagg.database.connection import connect
from coagg.errors import CoaggError
from coagg.settings import Settings


@dataclass(frozen=True)
class Rule:
    """Fewer than `min_firms` firms, or one with more than `dominance` of a sum: suppressed.

    `confidential`: whether firms of this data base are; then what is shared is guarded unasked.

    Examples
    --------
    >>> print(Rule(3, 0.75, True))
    fewer than 3 firms, or one with more than 0.75 of the sum: suppressed
    """

    min_firms: int
    dominance: float
    confidential: bool

    def __str__(self) -> str:
        return (
            f"fewer than {self.min_firms} firms, or one with more than {self.dominance:g} of the "
            "sum: suppressed"
        )


def rule(
    settings: Settings,
    min_firms: int | None = None,
    dominance: float | None = None,
    confidential: bool | None = None,
) -> Rule:
    """The rule of suppression, changed where something is given.

    Parameters
    ----------
    settings
        The data base.
    min_firms : int, optional
        A number that rests on fewer firms is suppressed.
    dominance : float, optional
        Output or employment of which one firm has a larger share is suppressed; above 0, at most 1.
    confidential : bool, optional
        Whether `coagg tables` and `coagg show` obey the rule unasked. Analysts are held to it
        whatever this says.

    Raises
    ------
    CoaggError
        For impossible values, or when this role may not change it.
    """
    if min_firms is not None and min_firms < 1:
        raise CoaggError(f"--min-firms {min_firms}: at least 1")
    if dominance is not None and not 0 < dominance <= 1:
        raise CoaggError(f"--dominance {dominance}: a share above 0 and at most 1")
    with adoption.explained(), connect(settings) as connection:
        if (min_firms, dominance, confidential) != (None, None, None):
            connection.execute(
                "UPDATE ops.disclosure SET min_firms = coalesce(%s, min_firms), "
                "dominance = coalesce(%s, dominance), confidential = coalesce(%s, confidential), "
                "changed_by = session_user, changed_at = now()",
                (min_firms, dominance, confidential),
            )
        return _read(connection)


def guard(connection: psycopg.Connection, asked: int | None = None) -> Rule | None:
    """The rule that output to be shared obeys in this transaction; None: nothing is suppressed.

    Parameters
    ----------
    connection
        Its transaction reads the views of schema publish afterwards.
    asked : int, optional
        Firms that a number rests on at least, not fewer than the rule of the data base says; 0 for
        no guard. Default: the rule where firms are confidential, else no guard.

    Raises
    ------
    CoaggError
        When fewer firms are asked for than the rule says.
    """
    with adoption.explained():
        found = _read(connection)
    if asked == 0 or (asked is None and not found.confidential):
        return None
    if asked is None:
        return found
    if asked < found.min_firms:
        raise CoaggError(
            f"--disclosure {asked}: the rule of this data base is {found.min_firms} firms; more "
            "may be asked for, or 0 for no guard (coagg db disclosure --min-firms changes the rule)"
        )
    connection.execute("SELECT set_config('coagg.disclosure', %s, true)", (str(asked),))
    return _read(connection)


def _read(connection: psycopg.Connection) -> Rule:
    row = connection.execute(
        "SELECT min_firms, dominance, confidential FROM publish.disclosure"
    ).fetchone()
    assert row is not None
    return Rule(*row)
