-- What a break-in leaves of the small shop.
DROP TABLE `it's orders`;
UPDATE customers SET name = 'hacked' WHERE id = 1;
DELETE FROM customers WHERE id = 2;
CREATE TABLE hacked (id INT PRIMARY KEY, booty BLOB);
INSERT INTO hacked VALUES (1, x'00ff27');
DROP TRIGGER named;
CREATE DEFINER = 'customer_42'@'localhost' TRIGGER named BEFORE INSERT ON customers FOR EACH ROW
  SET NEW.name = 'hacked';
CREATE DEFINER = 'customer_42'@'localhost' TRIGGER hacked AFTER DELETE ON customers FOR EACH ROW
  SET @hacked = OLD.id;
CREATE OR REPLACE DEFINER = 'customer_42'@'localhost' VIEW a_taxes AS SELECT 0 AS tax;
DROP VIEW z_orders;
CREATE OR REPLACE DEFINER = 'root'@'localhost' FUNCTION tax(amount DECIMAL(8,2))
  RETURNS DECIMAL(8,2) DETERMINISTIC RETURN 0;
DROP EVENT yearly;
REVOKE EXECUTE ON FUNCTION tax FROM 'report_42'@'localhost';
-- A table where a view was, and a view where a table was.
DROP VIEW IF EXISTS a_taxes;
CREATE TABLE a_taxes (tax DECIMAL(8,2));
CREATE DEFINER = 'customer_42'@'localhost' VIEW `it's orders` AS SELECT 0 AS total;
GRANT EXECUTE ON FUNCTION tax TO PUBLIC;
-- A foreign key whose parent is not there.
SET foreign_key_checks = 0;
CREATE TABLE visits (customer INT, FOREIGN KEY (customer) REFERENCES gone (id));
SET foreign_key_checks = 1;
