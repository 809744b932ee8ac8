"""From free text to boxes or masks in one picture; the file name is the grounder's name."""

from mm_perception.nets.grounders.grounder import (
    Found,
    Grounder,
    grounder_names,
    load_grounder,
    without_twins,
)

__all__ = ['Found', 'Grounder', 'grounder_names', 'load_grounder', 'without_twins']
