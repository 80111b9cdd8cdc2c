-- Score a table into a table, and again when new rows have come. Run: sqlite-ml-vtab "" < examples/batch_scoring.sql

CREATE VIRTUAL TABLE cells USING ml_dataset('breast_cancer');
CREATE TABLE tumour AS SELECT mean_radius, mean_texture, mean_concavity, worst_area, diagnosis FROM cells;

CREATE VIRTUAL TABLE triage USING ml_classification(
  algorithm=logistic_regression,
  mean_radius REAL, mean_texture REAL, mean_concavity REAL, worst_area REAL, diagnosis TEXT TARGET
);
INSERT INTO triage SELECT * FROM tumour;
INSERT INTO triage(triage) VALUES ('train');

-- The scores, with the version that gave them.
CREATE TABLE score(tumour INTEGER PRIMARY KEY, diagnosis TEXT, malignant REAL, version INTEGER);

-- Name the table as source: its columns are matched by name, and rowid is that of its row.
INSERT INTO score
SELECT rowid, diagnosis, round(probabilities ->> 'malignant', 3), (SELECT deployed FROM ml_tables WHERE name = 'triage')
FROM triage WHERE source = 'tumour';

SELECT diagnosis, count(*) AS tumours, sum(malignant BETWEEN 0.2 AND 0.8) AS unsure FROM score GROUP BY diagnosis;

-- New rows arrive. A SELECT is a source too; take along the id as one of its columns and join on it,
-- since the rows of a SELECT are counted from 1.
INSERT INTO tumour VALUES (20.1, 24.5, 0.21, 1700, NULL), (12.0, 15.0, 0.02, 500, NULL), (15.0, NULL, 0.09, 800, NULL);

INSERT INTO score
SELECT tumour.rowid, p.diagnosis, round(p.probabilities ->> 'malignant', 3), 1
FROM tumour JOIN triage(tumour.mean_radius, tumour.mean_texture, tumour.mean_concavity, tumour.worst_area) AS p
WHERE tumour.rowid NOT IN (SELECT tumour FROM score);

SELECT * FROM score ORDER BY tumour DESC LIMIT 3;

-- Whom to look at first?
SELECT tumour, malignant FROM score ORDER BY abs(malignant - 0.5) LIMIT 3;
