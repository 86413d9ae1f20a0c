-- The measurement of a pair is checked once a year of the panel (panel.build), not once a row.

ALTER TABLE panel.industry_pair DROP CONSTRAINT industry_pair_measurement_id_fkey;
