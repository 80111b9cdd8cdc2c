-- Compare versions, deploy, roll back, forget, undo. Run: sqlite-ml-vtab "" < examples/versions_and_rollback.sql

CREATE VIRTUAL TABLE chemistry USING ml_dataset('wine');
CREATE VIRTUAL TABLE grower USING ml_classification(
  algorithm=dummy,
  alcohol REAL, malic_acid REAL, color_intensity REAL, hue REAL, class TEXT TARGET
);
INSERT INTO grower SELECT alcohol, malic_acid, color_intensity, hue, class FROM chemistry;

-- Begin with the dummy: what it scores, any model has to beat.
INSERT INTO grower(grower) VALUES ('train');
INSERT INTO grower(grower, options) VALUES ('train', '{"algorithm": "naive_bayes"}');
INSERT INTO grower(grower, options) VALUES ('train', '{"algorithm": "decision_tree", "hyperparams": {"max_depth": 1}}');

SELECT version, deployed, algorithm, hyperparams, round(score, 2) AS accuracy FROM ml_versions('grower');

-- The same question to each of them.
SELECT v.version, v.algorithm, (SELECT class FROM grower(13.2, 1.8, 4.4, 1.05) WHERE version = v.version) AS answer
FROM ml_versions('grower') AS v;

-- Deploy the small tree all the same, think better of it, go back.
INSERT INTO grower(grower, options) VALUES ('deploy', '{"version": 3}');
INSERT INTO grower(grower) VALUES ('rollback');
SELECT id, version, reason FROM ml_deployments('grower');

-- A training is a write like any other: it can be undone.
BEGIN;
INSERT INTO grower(grower, options) VALUES ('train', '{"algorithm": "knn", "deploy": true}');
SELECT versions, deployed FROM ml_tables;
ROLLBACK;
SELECT versions, deployed FROM ml_tables;

-- Keep the newest, and the deployed one in any case.
INSERT INTO grower(grower, options) VALUES ('forget', '{"keep": 1}');
SELECT version, deployed, algorithm FROM ml_versions('grower');
