"""The questions a report answers: a section is a function from facts to a question and its answer, or to nothing."""
