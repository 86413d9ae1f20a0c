-- Whose neighbourhood does motor vehicle parts (366 in GB/T 4754-2011) seek, and who seeks its?
SELECT
    p.survey_year,
    p.agglomeration_code,
    CASE WHEN p.from_industry = '366' THEN 'outward' ELSE 'inward' END AS direction,
    CASE WHEN p.from_industry = '366' THEN p.to_industry ELSE p.from_industry END AS other_industry,
    coalesce(i.name_en, i.name) AS other_name,
    p.index,
    p.standard_error
FROM coagglomeration.pair_index AS p
LEFT JOIN reference.industry AS i
    ON
        i.classification = 'gbt4754_2011'
        AND i.industry_code
        = CASE WHEN p.from_industry = '366' THEN p.to_industry ELSE p.from_industry END
WHERE '366' IN (p.from_industry, p.to_industry) AND p.index >= 0.95
ORDER BY p.survey_year, p.agglomeration_code, direction, p.index DESC, other_industry;
