-- Views stand on each other, so all of them go before any is made anew. A view of your own that
-- stands on one of these must be dropped first: PostgreSQL then names it.

DROP VIEW IF EXISTS
publish.agglomeration_map,
publish.cell_map,
publish.pair_map,
publish.firm_map,
publish.cell,
publish.suppression,
publish.disclosure,
publish.pair,
publish.panel_pair,
publish.comparison,
publish.industry_comparison,
publish.descriptive,
publish.measurement,
publish.survey_year,
panel.cell_status,
ops.checks,
estimates.latest,
coagglomeration.pair_named,
coagglomeration.pair_index,
clean.cell_firm,
clean.firm_located,
clean.firm_industry,  -- of earlier releases
reference.concordance_use,
reference.sector_map_use,
reference.harmonised_industry,
reference.industry_translation;
