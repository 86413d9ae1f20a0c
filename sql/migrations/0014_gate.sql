-- What a load was compared with, why it was taken all the same, and why it was withdrawn.

ALTER TABLE ops.load
ADD COLUMN gate jsonb,
ADD COLUMN accepted_reason text,
ADD COLUMN withdrawn_reason text;
COMMENT ON COLUMN ops.load.gate IS 'The year''s measures, those of the year it replaced and of its neighbours, and what moved too far; null for loads before there was a gate.';
COMMENT ON COLUMN ops.load.accepted_reason IS 'Why it was taken although it moved too far; null where nothing did.';
COMMENT ON COLUMN ops.load.withdrawn_reason IS 'Why it was withdrawn; null for a load that is current or was replaced.';
COMMENT ON COLUMN ops.load.superseded_at IS 'When a corrected file replaced it or it was withdrawn; null for the current one.';

ALTER TABLE ops.input_load
ADD COLUMN accepted_reason text,
ADD COLUMN withdrawn_reason text;
COMMENT ON COLUMN ops.input_load.accepted_reason IS 'Why it was taken although it lost many rows; null where it did not.';
COMMENT ON COLUMN ops.input_load.withdrawn_reason IS 'Why it was withdrawn; null for a load that is current or was replaced.';

ALTER TABLE estimates.run ADD COLUMN survey_years integer [] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN estimates.run.survey_years IS 'Years of the panel it was restricted to; empty: all that the panel had.';
