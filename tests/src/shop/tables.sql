-- The sample shop's tables and rows. Every program comes after them, so that none changes a row.
--
-- No four-byte text in a literal DEFAULT, an ENUM or a COMMENT: the server keeps it and uses it, but
-- says `?` in its place, so that no dump can bring it back.
SET NAMES utf8mb4;
SET time_zone = '+00:00';
SET sql_mode = 'NO_ENGINE_SUBSTITUTION';
SET foreign_key_checks = OFF;

-- A self-reference, an INVISIBLE column, a gap in AUTO_INCREMENT, a comment that looks like code.
CREATE TABLE customers (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT,
  email VARCHAR(190) NOT NULL,
  name VARCHAR(80) NOT NULL DEFAULT 'ñobody',
  recommended_by INT UNSIGNED NULL,
  secret VARCHAR(20) INVISIBLE DEFAULT 'it''s "hidden"; \\',
  registered TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  PRIMARY KEY (id),
  UNIQUE KEY email (email),
  KEY backwards (name DESC, email(20)),
  CONSTRAINT recommended FOREIGN KEY (recommended_by) REFERENCES customers (id) ON DELETE SET NULL,
  CONSTRAINT `an @ in it` CHECK (email LIKE '%@%' AND name <> 'O''Brien; -- \\' AND name <> '💣')
) COMMENT = 'It''s `the` customers; -- all of /* them */';
INSERT INTO customers (id, email, name, recommended_by, secret, registered) VALUES
  (1, 'ann@example.org', 'Ann 🦀', NULL, 'one', '2021-03-28 01:30:00.123456'),
  (2, 'bob@example.org', 'Bob 🐘', 1, NULL, '2021-10-31 02:30:00.000001'),
  (3, 'eve@example.org', 'Eve''s "new"\nline\ttab\0nul\\', 2, '', '1970-01-01 00:00:01.000000'),
  (900, 'zoe@example.org', 'Zoë', 900, 'last', '2037-12-31 23:59:59.999999');
DELETE FROM customers WHERE id = 900;

-- A cycle of two, generated columns of both kinds with keys on them, a DECIMAL, columns with odd
-- names.
CREATE TABLE orders (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer INT UNSIGNED NOT NULL,
  latest_note INT NULL,
  `select` DECIMAL(30,10) NOT NULL,
  `a``b` INT NOT NULL DEFAULT 1,
  total DECIMAL(40,10) GENERATED ALWAYS AS (`select` * `a``b`) STORED,
  label VARCHAR(60) GENERATED ALWAYS AS (CONCAT('#', customer MOD 1000, ' it''s; ', `select`)) VIRTUAL,
  KEY total (total),
  KEY label (label),
  CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE,
  CONSTRAINT to_note FOREIGN KEY (latest_note) REFERENCES notes (id) ON DELETE SET NULL
);
CREATE TABLE notes (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  of_order BIGINT NOT NULL,
  text TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  CONSTRAINT to_order FOREIGN KEY (of_order) REFERENCES orders (id) ON DELETE CASCADE
) AUTO_INCREMENT = 70000;
INSERT INTO orders (id, customer, latest_note, `select`, `a``b`) VALUES
  (1, 1, 70001, 12345678901234567890.0123456789, 3), (2, 2, NULL, -0.0000000001, 1),
  (3, 2, 70002, 0, 0);
INSERT INTO notes (id, of_order, text) VALUES
  (70000, 1, 'first'), (70001, 1, '*/ DROP TABLE notes; /*!50000 SELECT 1 */'), (70002, 3, '😀é\r\n');

-- Names.
CREATE TABLE `it's` (id INT PRIMARY KEY, `it's a "column"` VARCHAR(20));
INSERT INTO `it's` VALUES (1, 'it''s'), (2, '`it"s');
CREATE TABLE `back``tick` (id INT PRIMARY KEY, `b``t` INT, KEY `k``y` (`b``t`));
INSERT INTO `back``tick` VALUES (1, NULL), (2, 5);
CREATE TABLE `a space and
a line` (id INT PRIMARY KEY, `a
column` INT DEFAULT 7);
INSERT INTO `a space and
a line` VALUES (1, 2);
CREATE TABLE `größe_日本` (id INT PRIMARY KEY, `größe` INT);
INSERT INTO `größe_日本` VALUES (1, 180);
CREATE TABLE `100%_\` (id INT PRIMARY KEY, `%s\n` INT);
INSERT INTO `100%_\` VALUES (1, 100);

-- Types.
CREATE TABLE types (
  id INT NOT NULL PRIMARY KEY,
  bytes LONGBLOB, fixed BINARY(4), bits BIT(11), flag BIT(1),
  place POINT NOT NULL, shape GEOMETRY, document JSON,
  exact DECIMAL(65,30), single FLOAT, double_one DOUBLE, small TINYINT(4) ZEROFILL,
  large BIGINT UNSIGNED, day DATE, moment DATETIME(6), stamp TIMESTAMP(6) NULL, clock TIME(3),
  year YEAR, one ENUM('', 'a', 'it''s', '日'), many SET('x', 'y', 'zß'), address INET6, uuid UUID,
  expression VARCHAR(80) DEFAULT (CONCAT('it''s ', UPPER('x'), ' \\ 🦀')),
  SPATIAL KEY place (place)
);
INSERT INTO types VALUES
  (1, 0x000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF,
   0x00FF0001, b'10101010101', b'1', POINT(1.5, -2.25),
   ST_GeomFromText('POLYGON((0 0, 4 0, 4 4, 0 0))', 4326), '{"it''s": ["🦀", 1.50, null]}',
   12345678901234567890123456789012345.000000000000000000000000000001, 1.5,
   1.7976931348623157e308, 7, 18446744073709551615, '9999-12-31',
   '2024-02-29 23:59:59.999999', '2038-01-19 03:14:07.999999', '-838:59:59.999', 2155, '日',
   'x,zß', '2001:db8::ff', '123e4567-e89b-12d3-a456-426655440000', DEFAULT),
  (2, '', '', b'0', b'0', POINT(0, 0), NULL, '[]', 0, -0.1, 5e-324, 0, 0, '0000-00-00',
   '0000-00-00 00:00:00', '1970-01-01 00:00:01', '00:00:00', 0, '', '', '::', NULL, ''),
  (3, NULL, NULL, NULL, NULL, POINT(-1, 1), NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2024-02-00',
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- Engines and layouts.
CREATE TABLE empty (id INT PRIMARY KEY AUTO_INCREMENT) AUTO_INCREMENT = 4321;
CREATE TABLE words (id INT PRIMARY KEY AUTO_INCREMENT, word TEXT, FULLTEXT KEY word (word))
  ENGINE = MyISAM DELAY_KEY_WRITE = 1 COMMENT = 'MyISAM';
INSERT INTO words (word) VALUES ('holdfast'), ('kelp 🌿'), (NULL);
CREATE TABLE cache (id INT, value VARBINARY(40), KEY id (id)) ENGINE = Aria TRANSACTIONAL = 1;
INSERT INTO cache VALUES (1, 0xDEADBEEF00), (1, 0xDEADBEEF00), (NULL, NULL);
CREATE TABLE visits (id INT NOT NULL, day DATE NOT NULL, PRIMARY KEY (id, day))
  PARTITION BY RANGE COLUMNS (day) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (
    PARTITION `it's old` VALUES LESS THAN ('2020-01-01') COMMENT = 'ol''d',
    PARTITION now VALUES LESS THAN (MAXVALUE));
INSERT INTO visits VALUES (1, '2019-12-31'), (2, '2020-01-01'), (3, '2025-05-05');
CREATE TABLE articles (id INT PRIMARY KEY, title VARCHAR(80), body TEXT, FULLTEXT KEY (title, body));
INSERT INTO articles VALUES (1, 'A restore', 'is worth more than a backup'), (2, '備份', '🗄');
CREATE TABLE packed (id INT PRIMARY KEY, text LONGTEXT COMPRESSED)
  ROW_FORMAT = COMPRESSED KEY_BLOCK_SIZE = 8;
INSERT INTO packed VALUES (1, REPEAT('packed ', 900)), (2, REPEAT('🦀', 300));
CREATE TABLE old (id INT PRIMARY KEY, text VARCHAR(20), other VARCHAR(20) CHARACTER SET cp1251)
  DEFAULT CHARSET = latin1 COLLATE latin1_german1_ci;
INSERT INTO old VALUES (1, 'Größe €', 'Привет'), (2, 'a\\b', NULL);

-- Rows that were: their times are set, so that they are the same in every shop.
SET timestamp = 1700000000.25;
CREATE TABLE prices (id INT PRIMARY KEY, price DECIMAL(8,2)) WITH SYSTEM VERSIONING;
INSERT INTO prices VALUES (1, 9.99), (2, 19.99), (3, 0.01);
SET timestamp = 1700086400.5;
UPDATE prices SET price = 10.49 WHERE id = 1;
SET timestamp = 1700172800.75;
DELETE FROM prices WHERE id = 3;
SET timestamp = DEFAULT;

-- A sequence that has been used, and a table that uses it.
CREATE SEQUENCE numbers START WITH 500 INCREMENT BY 7 MAXVALUE 99999 CACHE 10 CYCLE;
CREATE TABLE tickets (id INT NOT NULL PRIMARY KEY, holder VARCHAR(20));
INSERT INTO tickets VALUES (NEXTVAL(numbers), 'Ann'), (NEXTVAL(numbers), 'Bob');
SET foreign_key_checks = ON;
