"""What a country is: its code and names, its areas, datums, classifications, and their files."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[1] / "data" / "countries"
DESCRIPTION = "country.toml"
CODE = re.compile(r"[A-Z]{2}")

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Areas:
    """Where the areas of a country are, and which columns of that file say what.

    `code_pattern` and `parent_pattern` are regular expressions whose first group is kept: of the
    column `code`, and of the code where no column names the parent. `names` is a csv of English
    names. `place_codes`: "areas" where the codes of areas are the place codes of firms;
    `place_code_digits`: how many digits at the front of a longer place code name its area, 0: none.
    """

    file: Path
    layer: str | None
    crs: str | None
    code: str
    code_pattern: str | None
    name: str
    name_en: str | None
    names: Path | None
    parent: str | None
    parent_pattern: str | None
    source: str
    box: Box | None
    unadministered: tuple[str, ...]
    place_codes: str | None
    place_code_digits: int


@dataclass(frozen=True)
class Classification:
    """A classification of industries: its file (which may not be shipped) and the forms of codes.

    `digits`: how long its codes are, empty: any of two to six; `code`: a regular expression that
    they must fit, where they are no digits. `short` are the other names it has in headers.
    """

    name: str
    title: str
    file: Path
    digits: tuple[int, ...]
    code: str | None
    short: tuple[str, ...]


@dataclass(frozen=True)
class Country:
    """A country as its folder describes it.

    `datum` is the one taken where neither layout nor caller names one; None: the points decide
    among `datums`. `divisions` are the first two digits that industrial surveys hold; `preferred`
    those of the activity that counts where a firm states several (`several_codes`). `firm_ids`
    names the check of firm ids, where there is one.
    """

    folder: Path
    code: str
    name: str
    names: frozenset[str]
    areas: Areas
    datums: tuple[str, ...]
    datum: str | None
    classifications: tuple[Classification, ...]
    classification: str | None
    divisions: frozenset[str]
    preferred: frozenset[str]
    several_codes: bool
    firm_ids: str | None

    @property
    def description(self) -> Path:
        """The file that describes it."""
        return self.folder / DESCRIPTION

    @property
    def agglomerations(self) -> Path:
        """Members of its agglomerations; the file may be missing."""
        return self.folder / "agglomerations.csv"

    @property
    def place_codes(self) -> Path:
        """What its place codes mean; the file may be missing."""
        return self.folder / "place_codes.csv"

    @property
    def concordances(self) -> list[Path]:
        """Concordances from its classifications."""
        return sorted((self.folder / "concordances").glob("*.csv"))

    @property
    def layouts(self) -> list[Path]:
        """Layouts of its files of firms."""
        return sorted((self.folder / "layouts").glob("*.csv"))

    @property
    def classification_names(self) -> tuple[str, ...]:
        """Names of its classifications, the shipped and those that a user gives."""
        return tuple(one.name for one in self.classifications)

    @property
    def shipped(self) -> bool:
        """Whether its folder is one of the package."""
        return self.folder.parent == SHIPPED


def plain(name: str) -> str:
    """A name of a country for comparison: half-width, lower case, single blanks, no ".0".

    Examples
    --------
    >>> plain(" UNITED  Kingdom "), plain("156.0")
    ('united kingdom', '156')
    """
    text = unicodedata.normalize("NFKC", name).casefold().removesuffix(".0")
    return " ".join(text.split())
