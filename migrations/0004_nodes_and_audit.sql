-- The nodes, registered by the operator. A pool is one node.
CREATE TABLE IF NOT EXISTS nodes (
    name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    pool VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    registered_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    -- A draining node finishes what it has begun and takes nothing new.
    draining BOOLEAN NOT NULL DEFAULT FALSE,
    -- The last sign of life of one of its workers, and which version that is.
    heartbeat_at DATETIME(3) NULL,
    version VARCHAR(32) NULL,
    -- Customers whose sites could not be settled yet, or need a person: a JSON list.
    unsettled MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    UNIQUE KEY node_of_pool (pool)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Who ordered what. Rows are added and never changed.
CREATE TABLE IF NOT EXISTS audit (
    id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    -- The user of the host's own login, or 'planner'.
    actor VARCHAR(128) NOT NULL,
    action VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    customer_id INT NULL,
    job_uuid CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
    detail TEXT NULL,
    KEY audit_of_customer (customer_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Tables of the host's own that have these names are found out here.
SELECT nodes.name, nodes.pool, nodes.draining, nodes.heartbeat_at, nodes.version, nodes.unsettled
FROM nodes LIMIT 0;
SELECT audit.actor, audit.action, audit.customer_id, audit.job_uuid, audit.detail
FROM audit LIMIT 0;
