"""Reports for people: one page library, and what is told with it of a run or an evaluation."""
