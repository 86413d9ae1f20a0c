-- Do industries cite those that they are near to? Citations a pair, by the index in tenths.
SELECT
    measurement_id,
    survey_year,
    least(floor(index * 10), 9) / 10 AS index_from,
    count(*) AS pairs,
    sum(citations) AS citations,
    avg(citations) AS citations_a_pair,
    avg(citations_back) AS citations_back_a_pair,
    avg((citations > 0)::integer) AS share_citing,
    avg(io) AS mean_io,
    avg(tech) AS mean_tech
FROM panel.industry_pair
GROUP BY measurement_id, survey_year, least(floor(index * 10), 9)
ORDER BY measurement_id, survey_year, index_from;
