-- Which jobs have changed lately: what watches them asks for that twice a second.
ALTER TABLE customer_backup_jobs
    ADD KEY IF NOT EXISTS changed_jobs (updated_at, customer_id);
