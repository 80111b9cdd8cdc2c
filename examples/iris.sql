-- The shortest whole story. Run: sqlite-ml-vtab "" < examples/iris.sql

CREATE VIRTUAL TABLE flowers USING ml_dataset('iris');
CREATE TABLE iris AS SELECT * FROM flowers;

CREATE VIRTUAL TABLE iris_prediction USING ml_classification(
  algorithm="logistic_regression",
  sepal_length float, sepal_width float, petal_length float, petal_width float,
  class integer TARGET
);
INSERT INTO iris_prediction SELECT * FROM iris;
INSERT INTO iris_prediction(iris_prediction) VALUES ('train');

-- How good is it, on the quarter of the flowers that it was not trained on?
SELECT name, round(value, 2) AS value FROM ml_metrics('iris_prediction');

-- Which flower is this?
SELECT class, round(probability, 2) AS probability FROM iris_prediction(5.1, 3.5, 1.4, 0.2);

-- Which flowers does it mistake?
SELECT iris.class AS actual, prediction.class AS predicted, count(*) AS flowers
FROM iris JOIN iris_prediction(iris.sepal_length, iris.sepal_width,
                               iris.petal_length, iris.petal_width) AS prediction
WHERE actual <> predicted
GROUP BY actual, predicted;
