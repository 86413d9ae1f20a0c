-- Which industries have the most firms in each urban agglomeration, latest year?
SELECT
    agglomeration_code,
    industry,
    max(industry_name_en) AS industry_name,
    count(*) AS firms,
    sum(employment) AS employment
FROM clean.firm_located
WHERE
    country = (SELECT c.country FROM reference.country AS c WHERE c.home)
    AND agglomeration_code IS NOT NULL
    AND industry IS NOT NULL
    AND survey_year = (
        SELECT max(survey_year) FROM clean.firm
        WHERE country = (SELECT c.country FROM reference.country AS c WHERE c.home)
    )
GROUP BY agglomeration_code, industry
ORDER BY firms DESC, agglomeration_code, industry
LIMIT 50;
