"""Rows to a fitted estimator and its evaluation. The only place that imports scikit-learn, and only when it fits."""
