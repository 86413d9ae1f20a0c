-- Polygons of the agglomerations: their assigned prefectures, dissolved. Run after the members or
-- the prefectures changed.

UPDATE reference.agglomeration AS held
SET geom = dissolved.geom
FROM (
    SELECT
        member.country,
        member.agglomeration_code,
        public.st_multi(
            public.st_collectionextract(
                public.st_makevalid(public.st_union(prefecture.geom ORDER BY prefecture.prefecture_code)), 3
            )
        ) AS geom
    FROM reference.agglomeration_member AS member
    INNER JOIN reference.prefecture
        ON
            member.country = prefecture.country
            AND member.prefecture_code = prefecture.prefecture_code
    WHERE member.assigned
    GROUP BY member.country, member.agglomeration_code
) AS dissolved
WHERE
    held.country = dissolved.country
    AND held.agglomeration_code = dissolved.agglomeration_code;

ANALYZE reference.agglomeration;
ANALYZE reference.agglomeration_member;
