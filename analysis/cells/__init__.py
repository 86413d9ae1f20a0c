"""The only reader of a cell (agglomeration x survey year): its firms, points, industries."""
