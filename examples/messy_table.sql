-- A table as tables are: NULLs, text, dates, a column of no type. Run: sqlite-ml-vtab "" < examples/messy_table.sql

-- Five hundred bicycle rentals, made up: the fare depends on the minutes, the kind of bicycle and the day of the week.
CREATE TABLE rental AS
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 499)
SELECT 'R' || printf('%04d', i) AS ticket,
       datetime('2024-01-01', (i * 11) || ' hours') AS started,
       CASE WHEN i % 17 = 0 THEN NULL ELSE 5 + (i * 37) % 90 END AS minutes,
       CASE WHEN i % 23 = 0 THEN NULL WHEN i % 3 = 0 THEN 'city' WHEN i % 3 = 1 THEN 'cargo' ELSE 'electric' END AS bicycle,
       CASE i % 5 WHEN 0 THEN 'yes' WHEN 1 THEN 'no' END AS helmet,
       1 + (i % 4 = 0) AS riders
FROM n;
ALTER TABLE rental ADD COLUMN fare REAL;
UPDATE rental SET fare = round(1 + coalesce(minutes, 40) * CASE bicycle WHEN 'electric' THEN 0.3 ELSE 0.15 END
                               + (strftime('%w', started) IN ('0', '6')) * 2, 2)
WHERE ticket NOT LIKE '%9';   -- some fares are not known yet

SELECT * FROM rental LIMIT 4 OFFSET 6;

-- Learn from the past, test on the last fifth of the time: that is how it will be used.
CREATE VIRTUAL TABLE fare USING ml_regression(
  algorithm=gradient_boosting, split=last, test_size=0.2,
  ticket TEXT KEY,
  started DATE,
  minutes INTEGER,
  bicycle TEXT,
  helmet,                       -- no type: its values decide
  riders INTEGER WEIGHT,        -- a rental by two counts twice
  booked DATE ORDER,
  price REAL TARGET             -- not "fare": that is the table, and its command column
);
INSERT INTO fare SELECT ticket, started, minutes, bicycle, helmet, riders, started, fare FROM rental;
INSERT INTO fare(fare) VALUES ('train');

SELECT rows_trained, rows_tested, round(score, 3) AS r2_score FROM ml_versions('fare');

-- What is left out is NULL.
SELECT round(price, 1) AS price FROM fare('{"minutes": 60, "bicycle": "electric", "started": "2024-08-03 10:00"}');

-- A bicycle never seen, a date in the future: it answers, and says what to think of it.
SELECT round(price) AS price, warning FROM fare('2030-01-01', 30, 'unicycle', 'no');

-- Fill in what is missing.
SELECT count(*) AS unknown FROM rental WHERE fare IS NULL;
UPDATE rental SET fare = round(ml_predict('fare', started, minutes, bicycle, helmet), 2) WHERE fare IS NULL;
SELECT count(*) AS unknown FROM rental WHERE fare IS NULL;
