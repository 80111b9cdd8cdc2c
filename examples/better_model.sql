-- A better model: cross-validate, tune, compare. All evidence is rows.

CREATE VIRTUAL TABLE d USING ml_dataset('breast_cancer');
CREATE TABLE biopsies AS
SELECT mean_radius, mean_texture, mean_smoothness, mean_concavity, mean_symmetry, diagnosis FROM d;

CREATE VIRTUAL TABLE tumour USING ml_classification(
  mean_radius REAL, mean_texture REAL, mean_smoothness REAL, mean_concavity REAL, mean_symmetry REAL,
  diagnosis TEXT TARGET,
  algorithm='decision_tree'
);
INSERT INTO tumour SELECT * FROM biopsies;
INSERT INTO tumour(tumour) VALUES ('train');

-- How good is it, give or take?
INSERT INTO tumour(tumour) VALUES ('cross_validate');

-- Is another algorithm better, beyond noise?
INSERT INTO tumour(tumour, options)
VALUES ('compare', '{"algorithms": ["logistic_regression", "knn", "gaussian_nb"], "repeats": 1}');
SELECT algorithm, round(score, 3) AS score, round(p_value, 4) AS p_value, verdict FROM ml_comparisons('tumour');

-- And with another setting?
INSERT INTO tumour(tumour, options)
VALUES ('tune', '{"algorithm": "logistic_regression", "trials": 5}');
SELECT trial, drawn, round(score, 3) AS score FROM ml_trials('tumour') ORDER BY score DESC, trial;

-- What was done, and what answers now
SELECT run, command, version, said FROM ml_runs('tumour');
SELECT deployed, algorithm FROM ml_tables;
