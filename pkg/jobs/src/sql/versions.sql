CREATE TABLE IF NOT EXISTS underpin_jobs_schema (version integer PRIMARY KEY)
