"""The tables and views of the data base, typed, to build queries of in Python.

Described once, by schema, for SQLAlchemy and GeoAlchemy2: a column is its name and its type, with
`?` where it may be null; a view says nothing of that. The SQL makes the tables (sql/migrations,
sql/definitions); a test compares every name, type and null with the data base and says what to
write here. docs/data-dictionary.md says what every column holds.
"""

from __future__ import annotations

from types import SimpleNamespace

import sqlalchemy as sa
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

METADATA = sa.MetaData()
TYPES: dict[str, TypeEngine] = {
    "text": sa.Text(),
    "text[]": postgresql.ARRAY(sa.Text()),
    "integer[]": postgresql.ARRAY(sa.Integer()),
    "smallint": sa.SmallInteger(),
    "integer": sa.Integer(),
    "bigint": sa.BigInteger(),
    "double": sa.Double(),
    "boolean": sa.Boolean(),
    "date": sa.Date(),
    "timestamp": sa.DateTime(timezone=True),
    "jsonb": postgresql.JSONB(),
    "point": Geometry("POINT", 4326, spatial_index=False),
    "polygon": Geometry("POLYGON", 4326, spatial_index=False),
    "line": Geometry("LINESTRING", 4326, spatial_index=False),
    "multipolygon": Geometry("MULTIPOLYGON", 4326, spatial_index=False),
}
LAYERS: dict[str, dict[str, str]] = {
    "reference": {
        "agglomeration": """
            country text, agglomeration_code text, name text, name_en text?, basis text?, confidence
            text?, geom multipolygon
        """,
        "area_country": """
            country text, file_name text
        """,
        "agglomeration_member": """
            country text, agglomeration_code text, prefecture_code text, core boolean, coverage
            text, assigned boolean, rule text
        """,
        "concordance_use view": """
            country text, survey_year smallint, by_what text, to_classification text, links integer,
            doubtful_links integer, unofficial_links integer, firms integer, split integer, doubtful
            double, unofficial double, unlinked integer
        """,
        "country": """
            country text, name text, west double, south double, east double, north double, datums
            text[], datum text?, classifications text[], classification text?, home boolean
        """,
        "flag": """
            flag text, meaning text
        """,
        "harmonised_industry view": """
            from_classification text, from_code text, to_classification text, industry text, weight
            double, doubtful boolean, steps integer
        """,
        "harmonised_now view": """
            from_classification text, from_code text, to_classification text, industry text, weight
            double, doubtful boolean, steps integer
        """,
        "kept_harmonised": """
            from_classification text, from_code text, to_classification text, industry text, weight
            double, doubtful boolean, steps integer
        """,
        "kept_translation": """
            from_classification text, from_code text, to_classification text, to_code text, weight
            double, doubtful boolean, steps integer
        """,
        "translation_now view": """
            from_classification text, from_code text, to_classification text, to_code text, weight
            double, doubtful boolean, steps integer
        """,
        "industry": """
            classification text, industry_code text, level smallint, parent_code text?, section
            text?, name text, name_en text?
        """,
        "industry_concordance": """
            from_classification text, from_code text, to_classification text, to_code text, weight
            double, official boolean, doubtful boolean, basis text, source text
        """,
        "industry_translation view": """
            from_classification text, from_code text, to_classification text, to_code text, weight
            double, doubtful boolean, steps integer
        """,
        "io_flow": """
            io_table text, supplier text, user_sector text, flow double, direct_coefficient double
        """,
        "io_sector": """
            io_table text, sector_code text, name text, total_input double
        """,
        "io_sector_industry": """
            io_table text, sector_code text, classification text, industry text, weight double,
            doubtful boolean, basis text
        """,
        "io_table": """
            io_table text, year smallint, unit text, sectors integer, facts jsonb
        """,
        "load_report": """
            source text, item text, count integer?, detail text?, loaded_at timestamp
        """,
        "prefecture": """
            country text, prefecture_code text, name text, name_en text?, province_code text, source
            text, geom multipolygon
        """,
        "prefecture_code": """
            country text, survey_year smallint, place_code text, name text, prefecture_code text?,
            candidates text[], in_force boolean, rule text
        """,
        "prefecture_piece": """
            piece_id integer, country text, prefecture_code text, geom polygon
        """,
        "refusal_reason": """
            reason text, meaning text
        """,
        "sector_map_use view": """
            country text, survey_year smallint, by_what text, io_table text, links integer,
            doubtful_links integer, unofficial_links integer, firms integer, split integer, doubtful
            double, unofficial double, unlinked integer
        """,
    },
    "clean": {
        "cell_firm view": """
            country text, survey_year smallint, agglomeration_code text, prefecture_code text,
            row_number integer, classification text, own_classification text, industry text,
            doubtful boolean, output_thousand_cny double, employment integer, lon double, lat
            double, pile_up boolean
        """,
        "citation": """
            citing_id text, cited_id text, citation_date date?, dataset text
        """,
        "firm": """
            country text, survey_year smallint, row_number integer, firm_id text?, firm_name text?,
            legal_representative text?, phone text?, postal_code text?, address text?, main_product
            text?, established_year smallint?, place_code text?, industry_code text?, industry
            text?, classification text?, output_thousand_cny double?, employment integer?,
            source_lon double, source_lat double, lon double, lat double, geom point?,
            prefecture_code text, own_prefecture_code text?, distance_to_own_km double?,
            pile_up_size integer, flags text[], unreadable jsonb?
        """,
        "firm_area": """
            country text, survey_year smallint, row_number integer, agglomeration_code text
        """,
        "firm_located view": """
            firm_key bigint, country text, survey_year smallint, row_number integer, firm_id text,
            firm_name text, industry text, industry_name text, industry_name_en text, classification
            text, output_thousand_cny double, employment integer, prefecture_code text,
            prefecture_name text, agglomeration_code text, pile_up_size integer, flags text[], lon
            double, lat double, geom point
        """,
        "firm_placed view": """
            country text, survey_year smallint, row_number integer, firm_id text, firm_name text,
            industry_code text, industry text, classification text, output_thousand_cny double,
            employment integer, prefecture_code text, agglomeration_code text, pile_up_size integer,
            flags text[], lon double, lat double, geom point
        """,
        "firm_panel": """
            country text, survey_year smallint, row_number integer, panel_id bigint
        """,
        "firm_panel_link": """
            country text, from_year smallint, from_row integer, to_year smallint, to_row integer,
            stage text, evidence text
        """,
        "match_candidate": """
            applicant_name text, panel_id bigint, firm_name text, stage text, score double, reason
            text, patents integer
        """,
        "match_decision": """
            applicant_name text, panel_id bigint?, decided_by text, decided_at timestamp
        """,
        "patent": """
            patent_id text, dataset text, row_number integer, publication_number text?, title text?,
            kind text?, application_date date, application_year smallint?, grant_date date?, granted
            boolean, ipc text?, patent_value double?, flags text[]
        """,
        "patent_applicant": """
            patent_id text, position smallint, name text, organisation_code text?, place_code text?,
            address text?
        """,
        "patent_match": """
            patent_id text, position smallint, country text, survey_year smallint, row_number
            integer, panel_id bigint, stage text, score double, evidence text
        """,
        "refused": """
            country text, survey_year smallint, row_number integer, reason text, detail text?,
            received jsonb
        """,
        "refused_input": """
            kind text, dataset text, row_number integer, reason text, detail text?, received jsonb
        """,
    },
    "panel": {
        "build view": """
            measurement_id integer, country text, survey_year smallint, input_sha256 text, settings
            jsonb, cells integer, pairs integer, facts jsonb, code_version text, built_at timestamp,
            inputs jsonb, build_id integer, from_set integer
        """,
        "cell_guard view": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            industry text, firms integer, output_firms integer, output_largest_share double,
            employment_firms integer, employment_largest_share double, lon double, lat double
        """,
        "guard_version": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            industry text, firms integer, output_firms integer, output_largest_share double?,
            employment_firms integer, employment_largest_share double?, lon double?, lat double?,
            build_id integer
        """,
        "cell_status view": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            industry text, firms_safe boolean, output_safe boolean, employment_safe boolean, reason
            text, lon double, lat double
        """,
        "build_version": """
            measurement_id integer, country text, survey_year smallint, input_sha256 text, settings
            jsonb, cells integer, pairs integer, facts jsonb, code_version text, built_at timestamp,
            inputs jsonb?, build_id integer, from_set integer, until_set integer?
        """,
        "industry_cell view": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            industry text, firms integer, output_thousand_cny double, employment double,
            location_quotient double, location_quotient_output double, innovation_scale double,
            innovation_quality double, kp_outward_scale double, kp_outward_quality double,
            output_outward double, employment_outward double, kp_inward_scale double,
            kp_inward_quality double, output_inward double, employment_inward double,
            kp_outward_scale_90 double, kp_outward_quality_90 double, output_outward_90 double,
            employment_outward_90 double, kp_inward_scale_90 double, kp_inward_quality_90 double,
            output_inward_90 double, employment_inward_90 double, kp_outward_scale_99 double,
            kp_outward_quality_99 double, output_outward_99 double, employment_outward_99 double,
            kp_inward_scale_99 double, kp_inward_quality_99 double, output_inward_99 double,
            employment_inward_99 double, kp_outward_scale_oneway double, kp_outward_quality_oneway
            double, output_outward_oneway double, employment_outward_oneway double,
            kp_inward_scale_oneway double, kp_inward_quality_oneway double, output_inward_oneway
            double, employment_inward_oneway double, kp_outward_scale_uk double,
            kp_outward_quality_uk double, output_outward_uk double, employment_outward_uk double,
            kp_inward_scale_uk double, kp_inward_quality_uk double, output_inward_uk double,
            employment_inward_uk double
        """,
        "cell_version": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            industry text, firms integer, output_thousand_cny double, employment double,
            location_quotient double?, location_quotient_output double?, innovation_scale double,
            innovation_quality double, kp_outward_scale double?, kp_outward_quality double?,
            output_outward double?, employment_outward double?, kp_inward_scale double?,
            kp_inward_quality double?, output_inward double?, employment_inward double?,
            kp_outward_scale_90 double?, kp_outward_quality_90 double?, output_outward_90 double?,
            employment_outward_90 double?, kp_inward_scale_90 double?, kp_inward_quality_90 double?,
            output_inward_90 double?, employment_inward_90 double?, kp_outward_scale_99 double?,
            kp_outward_quality_99 double?, output_outward_99 double?, employment_outward_99 double?,
            kp_inward_scale_99 double?, kp_inward_quality_99 double?, output_inward_99 double?,
            employment_inward_99 double?, kp_outward_scale_oneway double?, kp_outward_quality_oneway
            double?, output_outward_oneway double?, employment_outward_oneway double?,
            kp_inward_scale_oneway double?, kp_inward_quality_oneway double?, output_inward_oneway
            double?, employment_inward_oneway double?, kp_outward_scale_uk double?,
            kp_outward_quality_uk double?, output_outward_uk double?, employment_outward_uk double?,
            kp_inward_scale_uk double?, kp_inward_quality_uk double?, output_inward_uk double?,
            employment_inward_uk double?, build_id integer
        """,
        "industry_pair view": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            from_industry text, to_industry text, index double, index_back double, phi_90 boolean,
            phi_95 boolean, phi_99 boolean, phi_back_90 boolean, phi_back_95 boolean, phi_back_99
            boolean, uk_index double, uk_index_back double, uk_phi double, uk_phi_back double,
            citations double, citations_back double, io double, io_back double, tech double,
            tech_back double, same_division boolean
        """,
        "pair_version": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            from_industry text, to_industry text, index double, index_back double, phi_90 boolean,
            phi_95 boolean, phi_99 boolean, phi_back_90 boolean, phi_back_95 boolean, phi_back_99
            boolean, uk_index double?, uk_index_back double?, uk_phi double?, uk_phi_back double?,
            citations double, citations_back double, io double?, io_back double?, tech double?,
            tech_back double?, same_division boolean, build_id integer
        """,
    },
    "coagglomeration": {
        "comparison": """
            country text, survey_year smallint, agglomeration_code text, fixed_industry text,
            redrawn_industry text, comparison text, value double?, p_value double?, verdict text,
            fixed_firms integer, redrawn_firms integer
        """,
        "comparison_cell": """
            country text, survey_year smallint, agglomeration_code text, draws integer, seed bigint,
            min_firms integer, pile_ups text, firms integer, weights text, without_employment
            integer, areas integer, diversification double?, points_sha256 text, input_sha256 text,
            code_version text, cpu_seconds double, finished_at timestamp, classification text,
            inputs jsonb?
        """,
        "industry_comparison": """
            country text, survey_year smallint, agglomeration_code text, industry text, firms
            integer, location_quotient double?, ellison_glaeser double?, plant_herfindahl double?
        """,
        "measurement": """
            measurement_id integer, settings_sha256 text, method text, cost text, draws integer,
            seed bigint, min_firms integer, pile_ups text, direction text, settings jsonb, made_at
            timestamp, classification text
        """,
        "pair_index view": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            from_industry text, to_industry text, from_firms integer, to_firms integer,
            fixed_industry text, redrawn_industry text, fixed_firms integer, redrawn_firms integer,
            observed_cost double, null_mean double, null_sd double, index double, standard_error
            double, exact_draws integer, draws integer, seed bigint, method text, cost text,
            direction text, classification text, code_version text
        """,
        "pair_named view": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            agglomeration_name text, classification text, from_industry text, from_name text,
            from_name_en text, to_industry text, to_name text, to_name_en text, from_firms integer,
            to_firms integer, index double, standard_error double, reverse_index double,
            reverse_standard_error double, observed_cost double, null_mean double, null_sd double,
            sd_below_chance double, cost text, draws integer, method text, direction text
        """,
        "pair_result view": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            block smallint, fixed_industry text, redrawn_industry text, fixed_firms integer,
            redrawn_firms integer, observed_cost double, null_mean double, null_sd double, index
            double, standard_error double, exact_draws integer
        """,
        "pair_version": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            block smallint, fixed_industry text, redrawn_industry text, fixed_firms integer,
            redrawn_firms integer, observed_cost double, null_mean double, null_sd double, index
            double, standard_error double, exact_draws integer, unit_id integer
        """,
        "unit view": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            block smallint, fixed_industries text[], firms integer, pairs integer, points_sha256
            text, input_sha256 text, code_version text, cpu_seconds double, finished_at timestamp,
            inputs jsonb, unit_id integer
        """,
        "unit_version": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            block smallint, fixed_industries text[], firms integer, pairs integer, points_sha256
            text, input_sha256 text, code_version text, cpu_seconds double, finished_at timestamp,
            inputs jsonb?, unit_id integer, from_set integer, until_set integer?
        """,
    },
    "estimates": {
        "coefficient": """
            run_id integer, column_number smallint, stage text, place smallint, name text,
            coefficient double, standard_error double?, t double?, p double?, standardised double?
        """,
        "column_result": """
            run_id integer, column_number smallint, label text, dependent text, estimator text,
            observations integer, r2 double?, r2_within double?, convention text, effects text[],
            clusters jsonb, dropped text[], diagnostics jsonb
        """,
        "descriptive": """
            run_id integer, place smallint, level text, name text, statistic text, value double?
        """,
        "equality": """
            run_id integer, test_number smallint, label text, first_column smallint, first_name
            text, second_column smallint, second_name text, difference double, standard_error
            double?, p double?, standardised_difference double?, standardised_standard_error
            double?, standardised_p double?
        """,
        "latest view": """
            measurement_id integer, country text, table_name text, options jsonb, run_id integer,
            specification jsonb, specification_sha256 text, data_sha256 text, inputs jsonb,
            survey_years integer[], code_version text, estimated_at timestamp, results integer,
            from_set integer
        """,
        "refusal": """
            measurement_id integer, table_name text, options jsonb, inputs jsonb, reason text,
            refused_at timestamp
        """,
        "run": """
            run_id integer, measurement_id integer, table_name text, specification jsonb,
            specification_sha256 text, data_sha256 text, options jsonb, code_version text,
            estimated_at timestamp, inputs jsonb?, survey_years integer[], from_set integer,
            until_set integer?
        """,
    },
    "publish": {
        "agglomeration_map view": """
            agglomeration_key bigint, measurement_id integer, country text, survey_year smallint,
            agglomeration_code text, agglomeration_name text, industries bigint, published bigint,
            firms bigint, output_thousand_cny double, employment double, innovation_scale double,
            geom multipolygon
        """,
        "cell view": """
            cell_key bigint, measurement_id integer, country text, survey_year smallint,
            agglomeration_code text, agglomeration_name text, classification text, industry text,
            industry_name text, industry_name_en text, firms integer, output_thousand_cny double,
            employment double, innovation_scale double, innovation_quality double, kp_outward_scale
            double, kp_outward_quality double, output_outward double, employment_outward double,
            kp_inward_scale double, kp_inward_quality double, output_inward double,
            employment_inward double, suppressed text
        """,
        "cell_map view": """
            cell_key bigint, measurement_id integer, country text, survey_year smallint,
            agglomeration_code text, agglomeration_name text, classification text, industry text,
            industry_name text, industry_name_en text, firms integer, output_thousand_cny double,
            employment double, innovation_scale double, innovation_quality double, kp_outward_scale
            double, kp_inward_scale double, suppressed text, geom multipolygon
        """,
        "comparison view": """
            country text, survey_year smallint, agglomeration_code text, comparison text,
            fixed_industry text, redrawn_industry text, value double, p_value double, verdict text,
            suppressed text
        """,
        "descriptive view": """
            run_id integer, place smallint, level text, name text, statistic text, value double
        """,
        "disclosure view": """
            min_firms integer, dominance double, confidential boolean
        """,
        "firm_map view": """
            firm_key bigint, country text, survey_year smallint, row_number integer, firm_id text,
            firm_name text, classification text, industry text, industry_name text, industry_name_en
            text, output_thousand_cny double, employment integer, prefecture_code text,
            prefecture_name text, agglomeration_code text, pile_up_size integer, flags text[], geom
            point
        """,
        "industry_comparison view": """
            country text, survey_year smallint, agglomeration_code text, industry text, firms
            integer, ellison_glaeser double, suppressed text
        """,
        "measurement view": """
            measurement_id integer, method text, cost text, draws integer, seed bigint, min_firms
            integer, pile_ups text, direction text, classification text, made_at timestamp
        """,
        "pair view": """
            pair_key bigint, measurement_id integer, country text, survey_year smallint,
            agglomeration_code text, agglomeration_name text, classification text, from_industry
            text, from_name text, from_name_en text, to_industry text, to_name text, to_name_en
            text, from_firms integer, to_firms integer, index double, standard_error double,
            reverse_index double, observed_cost double, null_mean double, null_sd double,
            sd_below_chance double, draws integer, method text, cost text, suppressed text
        """,
        "pair_map view": """
            pair_key bigint, measurement_id integer, country text, survey_year smallint,
            agglomeration_code text, from_industry text, from_name text, from_name_en text,
            to_industry text, to_name text, to_name_en text, index double, index_back double, phi_95
            boolean, suppressed text, geom line
        """,
        "panel_pair view": """
            pair_key bigint, measurement_id integer, country text, survey_year smallint,
            agglomeration_code text, from_industry text, to_industry text, index double, index_back
            double, uk_index double, uk_index_back double, citations double, citations_back double,
            io double, io_back double, tech double, tech_back double, same_division boolean,
            suppressed text
        """,
        "suppression view": """
            measurement_id integer, country text, survey_year smallint, agglomeration_code text,
            cells bigint, cells_suppressed bigint, output_suppressed bigint, employment_suppressed
            bigint
        """,
        "result_set view": """
            set_id integer, completed_at timestamp, is_read boolean
        """,
        "survey_year view": """
            country text, survey_year smallint, classification text, datum text, code_version text,
            loaded_at timestamp
        """,
    },
}


def _table(schema: str, heading: str, words: str) -> sa.Table:
    name, *kind = heading.split()
    columns = []
    for word in words.split(","):
        column, type_ = word.split()
        null = type_.endswith("?") or bool(kind)
        columns.append(sa.Column(column, TYPES[type_.removesuffix("?")], nullable=null))
    info = {"view": bool(kind)}
    return sa.Table(name, METADATA, *columns, schema=schema, info=info)


def _layers() -> SimpleNamespace:
    return SimpleNamespace(
        **{
            schema: SimpleNamespace(
                **{heading.split()[0]: _table(schema, heading, words)
                   for heading, words in tables.items()}
            )
            for schema, tables in LAYERS.items()
        }
    )  # fmt: skip


SCHEMA = _layers()
"""By layer and name: `SCHEMA.clean.firm` is a `sqlalchemy.Table`."""
