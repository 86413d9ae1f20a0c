"""A small world written straight into the tables: two years of firms, patents, an index, a UK."""

from __future__ import annotations

import numpy as np
from psycopg import sql
from psycopg.types.json import Jsonb

PLACES = ("5101", "4401", "6201", "4201")  # each in an agglomeration of its own
INDUSTRIES = ("131", "132", "133", "171")
# patents of 2007 by place and the first three industries; the third row has every RCA equal to 1,
# so the pattern of advantage is 110, 101, 111, 010
PATENTS = np.array([[10, 10, 0], [10, 0, 10], [2, 2, 1], [0, 10, 0]])
LEVELS = (0.1, 0.5, 0.9, 0.94, 0.95, 0.97, 0.99, 1.0)
UK_GROUPS = ("104", "106", "131", "132")  # 133, 131, and two that are 171
FIRM = (
    "country, survey_year, row_number, industry_code, industry, classification, source_lon, "
    "source_lat, lon, lat, prefecture_code, pile_up_size, flags, output_thousand_cny, employment"
)


def agglomerations(connection):
    rows = dict(
        connection.execute(
            "SELECT prefecture_code, agglomeration_code FROM reference.agglomeration_member "
            "WHERE country = 'CN' AND assigned"
        ).fetchall()
    )
    codes = [rows[place] for place in PLACES]
    assert len(set(codes)) == len(PLACES)
    return codes


def put_rows(connection, country, year, rows):
    """rows: (row_number, four-digit code, industry, classification, place, output, staff)"""
    name = sql.Identifier("clean", f"firm_{country.lower()}_{year}_test")
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
    connection.execute(
        sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES IN ({})").format(
            name, sql.Identifier("clean", f"firm_{country.lower()}"), sql.Literal(year)
        )
    )
    with connection.cursor() as cursor, cursor.copy(f"COPY clean.firm ({FIRM}) FROM STDIN") as copy:
        for number, code, industry, classification, place, output, staff in rows:
            copy.write_row(
                (country, year, number, code, industry, classification, 104, 30, 104, 30, place,
                 1, "{}", output, staff)
            )  # fmt: skip


def put_index(connection, measurement_id, country, year, agglomeration, values):
    """values: {(fixed, redrawn): index}"""
    industries = sorted({j for j, _ in values})
    (unit,) = connection.execute(
        "INSERT INTO coagglomeration.unit_version (measurement_id, country, survey_year, "
        "agglomeration_code, block, fixed_industries, firms, pairs, points_sha256, input_sha256, "
        "code_version, cpu_seconds) VALUES (%s, %s, %s, %s, 0, %s, 9, %s, 'p', %s, 'v', 0) "
        "RETURNING unit_id",
        (measurement_id, country, year, agglomeration, industries, len(values), repr(values)),
    ).fetchone()
    connection.cursor().executemany(
        "INSERT INTO coagglomeration.pair_version VALUES "
        "(%s, %s, %s, %s, 0, %s, %s, 1, 1, 1, 1, 1, %s, 0, 0, %s)",
        [
            (measurement_id, country, year, agglomeration, *key, v, unit)
            for key, v in values.items()
        ],
    )


def put_measurement(connection, digest, direction="from-fixed", classification="gbt4754_2002"):
    settings = {} if classification is None else {"classification": classification}
    return connection.execute(
        "INSERT INTO coagglomeration.measurement (settings_sha256, method, cost, draws, seed, "
        "min_firms, pile_ups, direction, settings) VALUES (%s, 'exact', 'sqeuclidean', 1, 1, 1, "
        "'keep', %s, %s) RETURNING measurement_id",
        (digest, direction, Jsonb(settings)),
    ).fetchone()[0]


def random_index(rng, industries):
    return {(j, k): float(rng.choice(LEVELS)) for j in industries for k in industries if j != k}


def put_patent(connection, number, year, rows, granted=True, value=1.0):
    """rows: (survey_year, row_number) of the firm each applicant is matched to."""
    connection.execute(
        "INSERT INTO clean.patent (patent_id, dataset, row_number, application_date, granted, "
        "patent_value, flags) VALUES (%s, 'd', 1, %s, %s, %s, '{}')",
        (number, f"{year}-06-01", granted, value),
    )
    for position, row in enumerate(rows, 1):
        connection.execute(
            "INSERT INTO clean.patent_applicant (patent_id, position, name) VALUES (%s, %s, 'n')",
            (number, position),
        )
        connection.execute(
            "INSERT INTO clean.patent_match VALUES (%s, %s, 'CN', %s, %s, 1, 'code', 1, 'e')",
            (number, position, *row),
        )


class World:
    """What was written, for an oracle to work from.

    firms: {(place, industry): [(output, staff), ...]}; patents: {id: ({(place, industry)}, value)}
    of 2007; index: {agglomeration: {(j, k): value}} for the first two places.
    """

    def __init__(self, connection, direction="from-fixed"):
        rng = np.random.default_rng(7)
        self.codes = agglomerations(connection)
        self.code_of = dict(zip(PLACES, self.codes, strict=True))
        rows, self.firms, row_of = [], {}, {}
        for place in PLACES:
            for industry in INDUSTRIES:
                for _ in range(int(rng.integers(1, 4))):
                    number = len(rows) + 1
                    row_of[place, industry] = number
                    size = (float(rng.integers(1, 900)), int(rng.integers(1, 90)))
                    self.firms.setdefault((place, industry), []).append(size)
                    rows.append((number, None, industry, "gbt4754_2002", place, *size))
        rows.append((90, None, None, "gbt4754_2002", PLACES[0], 5000.0, 500))  # pool only
        rows.append((91, None, "131", "gbt4754_2002", PLACES[3], None, None))
        self.firms[PLACES[3], "131"].append((0.0, 0))
        put_rows(connection, "CN", 2007, rows)
        self.patents = {}
        for place, counts in zip(PLACES, PATENTS, strict=True):
            for industry, count in zip(INDUSTRIES, counts, strict=False):
                for number in range(count):
                    name = f"{place}{industry}{number}"
                    value = float(rng.integers(1, 99)) / 4
                    put_patent(connection, name, 2007, [(2007, row_of[place, industry])] * 2,
                               value=value)  # fmt: skip
                    self.patents[name] = ({(place, industry)}, value)
        # not counted: not granted, another year
        put_patent(connection, "REFUSED", 2007, [(2007, row_of["5101", "131"])], granted=False)
        put_patent(connection, "OLD", 2004, [(2007, row_of["4201", "133"])])
        self.old = ("4201", "133")
        connection.execute("INSERT INTO clean.citation VALUES "
            "('51011310', '51011320', NULL, 'd'), ('51011311', '51011320', NULL, 'd'),"
            "('51011310', '42011320', NULL, 'd'), ('51011310', 'OLD', NULL, 'd'),"
            "('51011310', '51011315', NULL, 'd'), ('51011310', 'UNKNOWN', NULL, 'd'),"
            "('OLD', '51011310', NULL, 'd'), ('REFUSED', '51011320', NULL, 'd'),"
            "('44011331', '44011311', NULL, 'd'), ('42011320', '51011310', NULL, 'd')"
        )  # fmt: skip
        self.measurement_id = put_measurement(connection, "cn", direction)
        self.index = {}
        for code in self.codes[:2]:
            stored = random_index(rng, INDUSTRIES)
            put_index(connection, self.measurement_id, "CN", 2007, code, stored)
            if direction == "from-redrawn":
                stored = {(k, j): value for (j, k), value in stored.items()}
            self.index[code] = stored
        self.uk_measurement_id = put_measurement(connection, "uk", classification=None)
        self.uk_index = random_index(rng, UK_GROUPS)
        put_index(connection, self.uk_measurement_id, "GB", 2020, "UK", self.uk_index)
        self.uk_links = connection.execute(
            "SELECT from_code, to_code, weight FROM reference.industry_concordance "
            "WHERE from_classification = 'uksic2007' AND to_classification = 'gbt4754_2002'"
        ).fetchall()
        connection.execute("INSERT INTO reference.io_table VALUES ('t2007', 2007, 'u', 2, '{}'), "
                           "('t2002', 2002, 'u', 0, '{}')")  # fmt: skip
        connection.execute("INSERT INTO reference.io_sector VALUES ('t2007', 'A', 'a', 100), "
                           "('t2007', 'B', 'b', 50)")  # fmt: skip
        connection.execute(
            "INSERT INTO reference.io_flow VALUES ('t2007', 'A', 'A', 10, 0.1), "
            "('t2007', 'A', 'B', 20, 0.4), ('t2007', 'B', 'A', 5, 0.05)"
        )
        # 131 is A, 132 is B, 133 half and half, 171 in no sector
        connection.execute(
            "INSERT INTO reference.io_sector_industry VALUES "
            "('t2007', 'A', 'gbt4754_2002', '131', 1, false, 'b'), "
            "('t2007', 'B', 'gbt4754_2002', '132', 1, false, 'b'), "
            "('t2007', 'A', 'gbt4754_2002', '133', 0.5, false, 'b'), "
            "('t2007', 'B', 'gbt4754_2002', '133', 0.5, false, 'b')"
        )
        connection.commit()
