"""Who is the same firm: over the years, and between applicants of patents and firms."""

# Raise when the same firms and applicants get other links (tests/etl/matching/test_match_code.py).
# The rules in sql/transforms/match count by their text.
MATCH_CODE = 2
