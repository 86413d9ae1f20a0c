-- Why were rows refused, year by year, and what does one of each look like?
SELECT
    r.country,
    r.survey_year,
    r.reason,
    m.meaning,
    count(*) AS rows_refused,
    min(r.row_number) AS first_row,
    (array_agg(r.received ORDER BY r.row_number))[1] AS first_received
FROM clean.refused AS r
INNER JOIN reference.refusal_reason AS m ON r.reason = m.reason
GROUP BY r.country, r.survey_year, r.reason, m.meaning
ORDER BY r.country, r.survey_year, rows_refused DESC;
