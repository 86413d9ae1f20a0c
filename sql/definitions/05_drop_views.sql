-- Views stand on each other, so all of them go before any is made anew. A view of your own that
-- stands on one of these must be dropped first: PostgreSQL then names it.

DROP VIEW IF EXISTS
ops.checks,
estimates.latest,
coagglomeration.pair_named,
coagglomeration.pair_index,
panel.industry_pair,
panel.industry_cell,
panel.build,
coagglomeration.pair_result,
coagglomeration.unit,
clean.cell_firm,
clean.firm_located,
clean.firm_industry,  -- of earlier releases
reference.concordance_use,
reference.sector_map_use,
reference.harmonised_industry,
reference.industry_translation;
