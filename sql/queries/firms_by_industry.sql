-- Which industries have the most firms in each urban agglomeration, latest year?
SELECT
    agglomeration_code,
    industry,
    max(industry_name_en) AS industry_name,
    count(*) AS firms,
    sum(employment) AS employment
FROM clean.firm_located
WHERE
    country = 'CN'
    AND agglomeration_code IS NOT NULL
    AND industry IS NOT NULL
    AND survey_year = (SELECT max(survey_year) FROM clean.firm WHERE country = 'CN')
GROUP BY agglomeration_code, industry
ORDER BY firms DESC, agglomeration_code, industry
LIMIT 50;
