-- An application reads a view, and never knows that a model answers.
-- Run: sqlite-ml-vtab "" < examples/view_over_predictor.sql

CREATE VIRTUAL TABLE colony USING ml_dataset('penguins');
CREATE TABLE penguin AS SELECT species, island, bill_length_mm, flipper_length_mm, body_mass_g, sex FROM colony;

CREATE VIRTUAL TABLE weight USING ml_regression(
  algorithm=ridge, species TEXT, sex TEXT, flipper_length_mm INTEGER, body_mass_g INTEGER TARGET
);
INSERT INTO weight SELECT species, sex, flipper_length_mm, body_mass_g FROM penguin;
INSERT INTO weight(weight) VALUES ('train');

-- Every penguin with its expected weight, and whether it lies outside of what is usual.
CREATE VIEW penguin_health AS
SELECT penguin.rowid AS penguin, penguin.species, penguin.body_mass_g AS grams, round(w.body_mass_g) AS expected,
       CASE WHEN penguin.body_mass_g < w.lower THEN 'thin' WHEN penguin.body_mass_g > w.upper THEN 'heavy' ELSE 'fine' END
         AS state
FROM penguin JOIN weight(penguin.species, penguin.sex, penguin.flipper_length_mm) AS w
WHERE penguin.body_mass_g IS NOT NULL;

SELECT state, count(*) AS penguins FROM penguin_health GROUP BY state;
SELECT * FROM penguin_health WHERE state = 'thin' ORDER BY grams - expected LIMIT 3;

-- A better model, and the view answers by it. Nobody has to change a query.
INSERT INTO weight(weight, options) VALUES ('train', '{"algorithm": "linear_regression", "deploy": true}');
SELECT state, count(*) AS penguins FROM penguin_health GROUP BY state;
