"""Who is the same firm: over the years, and between applicants of patents and firms."""
