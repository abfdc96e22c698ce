-- Every kind of damage: rows, tables, sequences, programs and what accounts may do with them.
SET NAMES utf8mb4;
DELETE FROM customers WHERE id = 3;
UPDATE `größe_日本` SET `größe` = 1;
UPDATE types SET bytes = 0x00 WHERE id = 1;
UPDATE prices SET price = 0;
INSERT INTO empty VALUES ();
ALTER TABLE articles ADD COLUMN hacked INT;
DROP TABLE `it's`;
CREATE TABLE `hacked; --` (id INT PRIMARY KEY);
INSERT INTO `hacked; --` VALUES (1);
DO SETVAL(numbers, 5000);
ALTER DATABASE CHARACTER SET latin1;

DROP TRIGGER a_second;
CREATE OR REPLACE DEFINER = 'customer_42'@'localhost' TRIGGER on_order AFTER UPDATE ON orders
  FOR EACH ROW SET @hacked = 1;
CREATE OR REPLACE VIEW m_checked AS SELECT 1 AS id;
CREATE VIEW hacked_view AS SELECT * FROM mysql.user;
CREATE OR REPLACE DEFINER = 'root'@'localhost' PROCEDURE tidy() SELECT 'hacked';
CREATE OR REPLACE DEFINER = 'customer_42'@'localhost' FUNCTION full_name(customer INT)
  RETURNS VARCHAR(9) RETURN 'hacked';
DROP EVENT daily;
ALTER DEFINER = 'customer_42'@'localhost' EVENT `switched "off"` ENABLE;
CREATE EVENT hacked_event ON SCHEDULE EVERY 1 YEAR STARTS '2037-01-01 00:00:00' DO SELECT 1;
REVOKE EXECUTE ON PROCEDURE tidy FROM 'customer_42'@'localhost';
