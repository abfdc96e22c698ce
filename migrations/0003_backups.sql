-- The catalogue: what can be restored. Every page reads it; none runs restic.
CREATE TABLE IF NOT EXISTS customer_backups (
    id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    -- The job that made it.
    uuid CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    customer_id INT NOT NULL,
    repository VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    snapshot_id CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind ENUM('manual', 'daily') NOT NULL,
    scope ENUM('db', 'files', 'both', 'sources') NOT NULL,
    -- What is in it: a JSON list of id, name, bytes and entries of each source.
    sources MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    bytes BIGINT UNSIGNED NOT NULL,
    state ENUM('active', 'deleting', 'deleted') NOT NULL DEFAULT 'active',
    -- Some files could not be read: a JSON list.
    incomplete BOOLEAN NOT NULL DEFAULT FALSE,
    unreadable MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    held BOOLEAN NOT NULL DEFAULT FALSE,
    expires_at DATETIME(3) NULL,
    verified_at DATETIME(3) NULL,
    -- The delete job that has claimed it.
    deleting_job CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
    deleted_at DATETIME(3) NULL,
    requested_by VARCHAR(128) NULL,
    note VARCHAR(255) NULL,
    created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    UNIQUE KEY backup_uuid (uuid),
    UNIQUE KEY backup_snapshot (snapshot_id, repository, customer_id),
    KEY backups_of_customer (customer_id, uuid),
    KEY backup_of_delete_job (deleting_job),
    KEY kept_backups (state, kind, customer_id),
    FOREIGN KEY (customer_id) REFERENCES customers (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- A table of the host's own that has this name is found out here.
SELECT customer_backups.uuid, customer_backups.customer_id, customer_backups.repository,
    customer_backups.snapshot_id, customer_backups.sources, customer_backups.state,
    customer_backups.held, customer_backups.deleting_job
FROM customer_backups LIMIT 0;
