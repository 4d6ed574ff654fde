"""The page of experiments: the board of all claims, and the bench on which one of them is put to the test.

:mod:`pages.ui.experiments.words` has what is said and drawn of verdicts, without streamlit.
"""
