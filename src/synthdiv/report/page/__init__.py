"""The page that a study's report opens with: from tables to a view of plain data, and from the view to HTML."""
