-- Whose sites are saved. A host has this table already, with more in it: then it stays as it is.
CREATE TABLE IF NOT EXISTS customers (
    id INT AUTO_INCREMENT PRIMARY KEY
) ENGINE = InnoDB;

-- What Holdfast needs to know of a customer, in a table of its own.
CREATE TABLE IF NOT EXISTS backup_customers (
    customer_id INT NOT NULL PRIMARY KEY,
    -- Names are compared as they are, a space at the end included.
    uuid CHAR(36) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    -- The name that the host's tokens and addresses have for the customer.
    external_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    -- The brand or organisation that it belongs to, if there are any.
    group_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    -- Where its site is: jobs go to the workers of this pool.
    pool VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    UNIQUE KEY customer_uuid (uuid),
    UNIQUE KEY customer_external_id (external_id),
    KEY customer_group (group_id, customer_id),
    FOREIGN KEY (customer_id) REFERENCES customers (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- A table of the host's own that has this name is found out here.
SELECT backup_customers.customer_id, backup_customers.uuid, backup_customers.external_id,
    backup_customers.group_id, backup_customers.pool, backup_customers.created_at
FROM backup_customers LIMIT 0;
