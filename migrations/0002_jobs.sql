-- The jobs. The first statement is the table as hosts already have it; the others widen it, whether
-- it was there or not, and may be run again after a failure in the middle.
CREATE TABLE IF NOT EXISTS customer_backup_jobs (
    id INT AUTO_INCREMENT PRIMARY KEY,
    customer_id INT NOT NULL,
    job_type ENUM('backup', 'restore') NOT NULL,
    backup_type ENUM('db', 'files', 'both') NOT NULL,
    snapshot_id VARCHAR(64) NULL,
    status ENUM('pending', 'running', 'completed', 'failed') DEFAULT 'pending',
    error_message TEXT NULL,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    completed_at DATETIME NULL,
    FOREIGN KEY (customer_id) REFERENCES customers(id)
) ENGINE = InnoDB;

ALTER TABLE customer_backup_jobs
    -- The kind.
    MODIFY job_type ENUM('backup', 'restore', 'undo', 'delete') NOT NULL,
    -- The scope.
    MODIFY backup_type ENUM('db', 'files', 'both', 'sources') NOT NULL,
    MODIFY status ENUM('pending', 'running', 'completed', 'failed', 'stopped', 'skipped', 'stuck')
        DEFAULT 'pending',
    -- Whatever the character set of the host's tables is, ours take every text.
    MODIFY error_message MEDIUMTEXT CHARACTER SET utf8mb4 NULL,
    MODIFY created_at DATETIME(3) NULL DEFAULT CURRENT_TIMESTAMP(3),
    MODIFY completed_at DATETIME(3) NULL,
    -- The job's name everywhere but here. NULL only until the statement after this one.
    ADD COLUMN IF NOT EXISTS uuid CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL AFTER id,
    -- How soon it has its turn.
    ADD COLUMN IF NOT EXISTS class ENUM('restore', 'manual', 'daily', 'housekeeping') NOT NULL
        DEFAULT 'manual',
    ADD COLUMN IF NOT EXISTS pool VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        DEFAULT 'default',
    ADD COLUMN IF NOT EXISTS repository VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    -- The sources, parted by commas, if the scope is 'sources'.
    ADD COLUMN IF NOT EXISTS source_ids TEXT CHARACTER SET utf8mb4 NULL,
    -- The restore or undo that an undo takes back.
    ADD COLUMN IF NOT EXISTS undo_of CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
    -- The signed order, as it is handed to the executor.
    ADD COLUMN IF NOT EXISTS ticket MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    ADD COLUMN IF NOT EXISTS run_after DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    ADD COLUMN IF NOT EXISTS not_after DATETIME(3) NULL,
    -- How often it was claimed and not given back.
    ADD COLUMN IF NOT EXISTS attempt INT UNSIGNED NOT NULL DEFAULT 0,
    -- Counts every change of hands: who holds an earlier number has no say any more.
    ADD COLUMN IF NOT EXISTS fence INT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS leased_by VARCHAR(64) CHARACTER SET utf8mb4 NULL,
    ADD COLUMN IF NOT EXISTS lease_until DATETIME(3) NULL,
    -- While it is pending: why it was put back.
    ADD COLUMN IF NOT EXISTS waits_because VARCHAR(500) CHARACTER SET utf8mb4 NULL,
    ADD COLUMN IF NOT EXISTS stage VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    ADD COLUMN IF NOT EXISTS stage_number TINYINT UNSIGNED NULL,
    ADD COLUMN IF NOT EXISTS stage_count TINYINT UNSIGNED NULL,
    ADD COLUMN IF NOT EXISTS reverting BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN IF NOT EXISTS progress TINYINT UNSIGNED NULL,
    ADD COLUMN IF NOT EXISTS detail VARCHAR(500) CHARACTER SET utf8mb4 NULL,
    ADD COLUMN IF NOT EXISTS bytes_done BIGINT UNSIGNED NULL,
    ADD COLUMN IF NOT EXISTS bytes_total BIGINT UNSIGNED NULL,
    -- error_message is what the customer reads.
    ADD COLUMN IF NOT EXISTS operator_message TEXT CHARACTER SET utf8mb4 NULL,
    -- The executor's result, as it said it.
    ADD COLUMN IF NOT EXISTS result MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    ADD COLUMN IF NOT EXISTS started_at DATETIME(3) NULL,
    ADD COLUMN IF NOT EXISTS updated_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    ADD COLUMN IF NOT EXISTS requested_by VARCHAR(128) CHARACTER SET utf8mb4 NULL,
    ADD COLUMN IF NOT EXISTS retry_of CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
    ADD COLUMN IF NOT EXISTS note VARCHAR(255) CHARACTER SET utf8mb4 NULL;

-- Jobs from before: their times, which are in the server's own time zone, in UTC, as ours are; and a
-- UUID of version 7 by the time at which they were made, so that they sort.
UPDATE customer_backup_jobs
SET created_at = CONVERT_TZ(created_at, @@global.time_zone, '+00:00'),
    completed_at = CONVERT_TZ(completed_at, @@global.time_zone, '+00:00'),
    uuid = LOWER(CONCAT_WS('-',
        SUBSTR(LPAD(HEX(FLOOR(UNIX_TIMESTAMP(COALESCE(created_at, completed_at, NOW(3))) * 1000)), 12, '0'), 1, 8),
        SUBSTR(LPAD(HEX(FLOOR(UNIX_TIMESTAMP(COALESCE(created_at, completed_at, NOW(3))) * 1000)), 12, '0'), 9, 4),
        '7000', '8000', LPAD(HEX(id), 12, '0')))
WHERE uuid IS NULL;

-- Nobody carries out an order that nobody signed.
UPDATE customer_backup_jobs
SET status = 'failed', completed_at = NOW(3),
    error_message = 'This was interrupted when the backup system was renewed. Please order it again.',
    operator_message = 'it was pending or running when Holdfast was installed, and has no ticket'
WHERE ticket IS NULL AND COALESCE(status, 'pending') IN ('pending', 'running');

ALTER TABLE customer_backup_jobs
    MODIFY uuid CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- The customer, while the job holds it: one backup, restore or undo at a time. VIRTUAL, since the
    -- base column of a STORED one restricts what its foreign key may do.
    ADD COLUMN IF NOT EXISTS active_customer INT AS (
        IF(job_type IN ('backup', 'restore', 'undo') AND status IN ('pending', 'running', 'stuck'),
            customer_id, NULL)) VIRTUAL,
    ADD UNIQUE KEY IF NOT EXISTS job_uuid (uuid),
    ADD UNIQUE KEY IF NOT EXISTS one_active_job (active_customer),
    ADD KEY IF NOT EXISTS jobs_of_customer (customer_id, uuid),
    ADD KEY IF NOT EXISTS due_jobs (pool, status, run_after),
    ADD KEY IF NOT EXISTS run_out_leases (status, pool, lease_until),
    ADD KEY IF NOT EXISTS jobs_of_snapshot (snapshot_id, status);

-- What happened to each job, in order.
CREATE TABLE IF NOT EXISTS job_events (
    id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    job_uuid CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    event VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    node VARCHAR(64) NULL,
    fence INT UNSIGNED NOT NULL DEFAULT 0,
    detail TEXT NULL,
    KEY events_of_job (job_uuid, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- A table of the host's own that has this name is found out here.
SELECT job_events.id, job_events.job_uuid, job_events.at, job_events.event, job_events.node,
    job_events.fence, job_events.detail FROM job_events LIMIT 0;
