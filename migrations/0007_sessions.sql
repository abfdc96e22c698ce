-- Who is logged in to the pages, and codes that log in once. Neither table holds what would log anybody
-- in: of tokens and codes there are SHA-256 sums alone.
CREATE TABLE IF NOT EXISTS web_sessions (
    token_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    -- The user, as the host's own login calls them.
    subject VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    -- The customers that the user may see: a JSON list of names.
    customers MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    role ENUM('customer', 'operator') NOT NULL,
    -- Parted by spaces.
    scope VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- The customer whose pages are open, of several.
    site VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    expires_at DATETIME(3) NOT NULL,
    -- Logged out, or ended by an operator's hand.
    revoked_at DATETIME(3) NULL,
    KEY ended_sessions (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- A code of a login link, or the `jti` of a token of the host's that has logged somebody in: each once.
CREATE TABLE IF NOT EXISTS login_codes (
    code_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    subject VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    customers MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    scope VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    expires_at DATETIME(3) NOT NULL,
    used_at DATETIME(3) NULL,
    KEY ended_codes (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Tables of the host's own that have these names are found out here.
SELECT web_sessions.token_hash, web_sessions.customers, web_sessions.revoked_at
FROM web_sessions LIMIT 0;
SELECT login_codes.code_hash, login_codes.customers, login_codes.used_at FROM login_codes LIMIT 0;
