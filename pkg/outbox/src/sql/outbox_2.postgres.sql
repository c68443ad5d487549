-- A function that is not stable looks at the tables later than the statement that calls it: the lag missed a row that was
-- moved to `underpin_outbox_held` in between.

ALTER FUNCTION underpin_outbox_lag(integer) STABLE;
