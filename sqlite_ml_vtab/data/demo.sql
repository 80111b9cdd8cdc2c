-- 1. A PREDICTOR IS A TABLE.
-- Fisher's irises: four measurements, and the species to be told from them.
CREATE VIRTUAL TABLE flowers USING ml_dataset('iris');
CREATE TABLE iris AS SELECT * FROM flowers;
SELECT * FROM iris ORDER BY rowid % 50, rowid LIMIT 3;

-- Declare what to learn from, and the TARGET to learn.
CREATE VIRTUAL TABLE iris_prediction USING ml_classification(
  algorithm="logistic_regression",
  sepal_length float, sepal_width float, petal_length float, petal_width float,
  class integer TARGET
);

-- Rows go in as into any table.
INSERT INTO iris_prediction SELECT * FROM iris;

-- Learn from three quarters of them, test on the rest, keep the model in the database.
INSERT INTO iris_prediction(iris_prediction) VALUES ('train');
SELECT name, round(value, 3) AS value FROM ml_metrics('iris_prediction');

-- Predict one flower, from four values or from JSON.
SELECT class FROM iris_prediction(5.1, 3.5, 1.4, 0.2);
SELECT class, round(probability, 3) AS probability FROM iris_prediction(json_array(6.1, 2.8, 4.7, 1.2));

-- Predict all of them: batch scoring is a join.
SELECT iris.class AS actual, prediction.class AS predicted, count(*) AS flowers
FROM iris JOIN iris_prediction(iris.sepal_length, iris.sepal_width,
                               iris.petal_length, iris.petal_width) AS prediction
GROUP BY actual, predicted;

-- 2. REAL TABLES ARE MESSY.
-- Penguins of Antarctica: text, numbers, and holes. Of eleven birds nobody wrote down the sex.
CREATE VIRTUAL TABLE colony USING ml_dataset('penguins');
CREATE TABLE penguins AS SELECT * FROM colony;
SELECT species, island, bill_length_mm, flipper_length_mm, body_mass_g, sex FROM penguins LIMIT 5;

-- No algorithm is named, so a good default learns. NULLs and text need no preparation; a row without a sex is
-- kept, and not learned from. A KEY is kept beside the features.
CREATE VIRTUAL TABLE sexing USING ml_classification(
  island TEXT, bill_length_mm REAL, bill_depth_mm REAL, flipper_length_mm INT, body_mass_g INT,
  sex TEXT TARGET, year INT KEY, species TEXT
);
INSERT INTO sexing SELECT * FROM penguins;
INSERT INTO sexing(sexing) VALUES ('train');

-- Try another algorithm: a version is deployed only if it does better on the test part.
INSERT INTO sexing(sexing, options) VALUES ('train', '{"algorithm": "logistic_regression"}');
SELECT version, deployed, algorithm, rows_trained, rows_tested, round(score, 3) AS accuracy FROM ml_versions('sexing');

-- Fill the holes: name a table, a view or a SELECT, and all its rows are predicted at once.
SELECT species, island, body_mass_g, sex AS predicted, round(probability, 2) AS probability
FROM sexing WHERE source = 'SELECT * FROM penguins WHERE sex IS NULL';

-- Ask by name: what is left out is NULL. A prediction says itself when it is to be distrusted.
SELECT sex, round(probability, 2) AS probability, warning
FROM sexing(json_object('species', 'Adelie', 'island', 'Coulman', 'body_mass_g', 7000));

-- All of it, rows, versions and models, is in ordinary tables of this one database.
SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'sexing%';
