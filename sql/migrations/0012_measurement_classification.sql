-- A measurement says in which classification its industries are.

ALTER TABLE coagglomeration.measurement
ADD COLUMN classification text NOT NULL DEFAULT 'own';
UPDATE coagglomeration.measurement SET classification = settings ->> 'classification'
WHERE settings ? 'classification';
COMMENT ON COLUMN coagglomeration.measurement.classification IS 'Classification that industries were translated to; own: each firm''s code as its survey year has it.';

ALTER TABLE coagglomeration.comparison_cell
ADD COLUMN classification text NOT NULL DEFAULT 'own';
COMMENT ON COLUMN coagglomeration.comparison_cell.classification IS 'Classification of the industries, as in the measurement compared with; own: as the survey year has them.';
