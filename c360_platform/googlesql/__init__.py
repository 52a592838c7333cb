"""BigQuery's SQL, judged on this machine by Google's own analyser and reference evaluator.

Belongs here: everything that needs the analyser (a development tool, the `zetasql` wheel). Does not belong
here: anything that production imports; no server is asked and no credentials are read.
"""
