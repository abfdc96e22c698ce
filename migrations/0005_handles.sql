-- What people and programs do with jobs beyond ordering them: stop them, give an order twice without
-- having it carried out twice; and what an operator must know before a job is ended by hand.
ALTER TABLE customer_backup_jobs
    -- Somebody wants it stopped: whoever has it or claims it next sees to that.
    ADD COLUMN IF NOT EXISTS stop_requested_at DATETIME(3) NULL,
    ADD COLUMN IF NOT EXISTS stop_requested_by VARCHAR(128) CHARACTER SET utf8mb4 NULL,
    -- The name that the caller gave to the request, and the SHA-256 of what it asked for.
    ADD COLUMN IF NOT EXISTS idempotency_key VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    ADD COLUMN IF NOT EXISTS request_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    ADD UNIQUE KEY IF NOT EXISTS one_job_a_key (customer_id, idempotency_key);

ALTER TABLE nodes
    -- When the `recover` began that found what `unsettled` says.
    ADD COLUMN IF NOT EXISTS recovered_at DATETIME(3) NULL;

SELECT customer_backup_jobs.stop_requested_at, customer_backup_jobs.idempotency_key
FROM customer_backup_jobs LIMIT 0;
